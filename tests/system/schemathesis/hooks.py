# SPDX-License-Identifier: Apache-2.0
"""Bodies that are no JSON, as schemathesis is to send them."""
import schemathesis


@schemathesis.serializer("application/x-pem-file", "application/pkcs10")
def as_it_is(context, value):
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")
