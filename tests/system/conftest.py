# SPDX-License-Identifier: Apache-2.0
"""Every answer that the fixtures' services give in any test is held against docs/api (api_contract.py)."""
import functools

import api_contract
import attestd_fixture
import identity_fixture
import kbs_fixture


def held_to_the_files(owner, look):
    """Wraps owner.call; `look` gives (service, method, path, request body) of its arguments."""
    plain = owner.call

    @functools.wraps(plain)
    def call(self, *arguments, **named):
        answer = plain(self, *arguments, **named)
        service, method, path, request = look(self, *arguments, **named)
        body = answer.text if hasattr(answer, "text") else answer.body
        api_contract.check(service, method, path, request, answer.status, answer.headers.get("Content-Type"), body)
        return answer

    owner.call = call


held_to_the_files(attestd_fixture.Attestd, lambda self, role, method, path, body=None, *_, **__: (role, method, path, body))
held_to_the_files(kbs_fixture.Kbs, lambda self, method, path, body=None, *_, **__: ("kbs", method, path, body))
held_to_the_files(identity_fixture.Service, lambda self, method, path, body=None, *_, **__: (self.name.removesuffix("d"), method, path, body))
