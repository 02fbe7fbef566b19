# SPDX-License-Identifier: Apache-2.0
"""Requests at, below and above every limit that docs/api states, made from the files: a new field is covered by itself.

A case is wrong in one member at most, so a refusal must name that member; one that is right in every member may be refused
for what the members mean, but none of them may be named.
"""
import copy
import dataclasses
import json
import re

try:
    from re import _parser as sre
except ImportError:
    import sre_parse as sre

import api_contract

LIST_MAX = 300  # of a list without a maximum no more are tried
WRONG = {"string": 7, "integer": "seven", "boolean": "true", "array": {"a": 1}, "object": [1]}


@dataclasses.dataclass
class Case:
    what: str
    body: str  # JSON text, or the query
    wrong: str = ""  # the member that must be named; "": none may be


def resolve(service, schema):
    return api_contract.resolve(service, schema)


def branches(service, schema):
    """The objects that a body may be."""
    schema = resolve(service, schema)
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return [found for option in schema[choice] for found in branches(service, option)]
    return [schema] if schema.get("properties") else []


def text_of_pattern(pattern, longest):
    """A text that matches, as long or as short as may be."""
    def walk(tokens):
        out = ""
        for kind, value in tokens:
            name = str(kind)
            if name == "LITERAL":
                out += chr(value)
            elif name in ("NOT_LITERAL", "ANY"):
                out += "x"
            elif name == "IN":
                first = value[0]
                out += "x" if str(first[0]) in ("NEGATE", "CATEGORY") else chr(first[1][0] if str(first[0]) == "RANGE" else first[1])
            elif name == "MAX_REPEAT":
                low, high, inner = value
                out += walk(inner) * (int(high) if longest and int(high) < 5000 else max(int(low), 1 if longest else 0))
            elif name == "SUBPATTERN":
                out += walk(value[3])
            elif name == "BRANCH":
                out += walk(value[1][0])
        return out
    return walk(sre.parse(pattern))


FORMATS = {"uuid": "6a1c1d0e-6a2f-4a7e-9a55-0d8a3c6c1f00", "date-time": "2031-01-31T00:00:00Z"}


def sample(service, schema):
    """A value as the schema wants it, the least one."""
    schema = resolve(service, schema)
    if "examples" in schema:
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return sample(service, schema[choice][0])
    kind = schema.get("type")
    if kind == "string":
        if "pattern" in schema:
            return text_of_pattern(schema["pattern"], False) or text_of_pattern(schema["pattern"], True)
        return FORMATS.get(schema.get("format"), "x" * max(schema.get("minLength", 1), 1))
    if kind == "integer":
        return schema.get("minimum", 1)
    if kind == "boolean":
        return False
    if kind == "array":
        if "items" not in schema:
            return [sample(service, one) for one in schema.get("prefixItems", [])]
        return [sample(service, schema["items"])] * max(schema.get("minItems", 1), 1)
    if kind == "object" or "properties" in schema:
        return {name: sample(service, schema["properties"][name]) for name in schema.get("required", [])}
    return "x"


def matches(schema, value):
    return all(re.search(schema[key], value) for key in ("pattern",) if key in schema)


def string_cases(schema):
    """(what, value, good)"""
    low, high = schema.get("minLength", 0), schema.get("maxLength")
    if "pattern" in schema:
        longest, shortest = (text_of_pattern(schema["pattern"], flag) for flag in (True, False))
        if high is None or len(longest) <= high:
            yield "longest", longest, True
        yield "shortest", shortest, len(shortest) >= low
        yield "over the pattern", longest + longest[-1:], matches(schema, longest + longest[-1:])
        yield "of other characters", "\u00e9 {", matches(schema, "\u00e9 {")
        return
    if schema.get("format") in FORMATS:
        yield "of its format", FORMATS[schema["format"]], True
        yield "of no format", "x" * 36, False
        return
    if high is not None:
        yield "at maxLength", "x" * high, True
        yield "above maxLength", "x" * (high + 1), False
    if low:
        yield "at minLength", "x" * low, True
        yield "below minLength", "x" * (low - 1), False


def number_cases(schema):
    for key, step in (("minimum", -1), ("maximum", 1)):
        if key in schema:
            yield f"at {key}", schema[key], True
            yield f"beyond {key}", schema[key] + step, False
    yield "with a fraction", schema.get("minimum", 0) + 0.5, False
    if schema.get("maximum", 2**53) < 2**53:
        yield "huge", 2**53, False


def list_cases(service, schema):
    one = sample(service, schema["items"]) if "items" in schema else "x"
    low, high = schema.get("minItems", 0), schema.get("maxItems")
    if high is not None and high <= LIST_MAX:
        yield "at maxItems", [one] * high, True
        yield "above maxItems", [one] * (high + 1), False
    if low:
        yield "below minItems", [one] * (low - 1), False


def value_cases(service, schema):
    if "enum" in schema or "const" in schema:
        words = schema.get("enum", [schema.get("const")])
        for word in words:
            yield f"{word!r}", word, True
        other = "zz" if isinstance(words[0], str) else max(words) + 1
        yield "no such word", other, False
        return
    kind = schema.get("type")
    if kind == "string":
        yield from string_cases(schema)
    elif kind == "integer":
        yield from number_cases(schema)
    elif kind == "array":
        yield from list_cases(service, schema)


def kind_of(schema):
    if "type" in schema:
        return schema["type"]
    words = schema.get("enum", [schema.get("const")] if "const" in schema else [])
    return {str: "string", int: "integer"}.get(type(words[0]) if words else None)


def placed(whole, path, value):
    made = copy.deepcopy(whole)
    at = made
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return made


def without(whole, path):
    made = copy.deepcopy(whole)
    at = made
    for step in path[:-1]:
        at = at[step]
    at.pop(path[-1], None)
    return made


def twice(whole, path, value):
    """As text, for no dictionary holds it."""
    mark = "@@twice@@"
    inner = json.dumps(path[-1]) + ": " + json.dumps(value)
    text = json.dumps(placed(without(whole, path), path, mark))
    return text.replace(json.dumps(path[-1]) + ": " + json.dumps(mark), inner + ", " + inner)


def member_cases(service, base, schema, path, required):
    schema = resolve(service, schema)
    name = str(path[-1])
    kind = kind_of(schema)
    good = sample(service, schema)
    if "description" in schema and "ignored" in schema["description"]:
        return
    if isinstance(path[-1], str):
        yield Case(f"{name} twice", twice(base, path, good), "#")
        if required:
            yield Case(f"{name} missing", json.dumps(without(base, path)), name)
    if kind in WRONG:
        yield Case(f"{name} of another type", json.dumps(placed(base, path, WRONG[kind])), name)
        yield Case(f"{name} null", json.dumps(placed(base, path, None)), name)
    for what, value, fits in value_cases(service, schema):
        yield Case(f"{name} {what}", json.dumps(placed(base, path, value)), "" if fits else name)
    if kind == "object" or schema.get("properties"):
        yield from object_cases(service, placed(base, path, good), schema, path)
    if kind == "array" and "items" in schema:
        yield from member_cases(service, placed(base, path, [good[0] if good else sample(service, schema["items"])]), schema["items"], [*path, 0], False)


def object_cases(service, base, schema, path=()):
    for name, member in schema.get("properties", {}).items():
        yield from member_cases(service, base, member, [*path, name], name in schema.get("required", []))
    if schema.get("additionalProperties") is False:
        yield Case("unknown member in " + "/".join(map(str, path)), json.dumps(placed(base, [*path, "zz_unknown"], 1)), "zz_unknown")
    elif schema.get("properties") and schema.get("additionalProperties") is not True:
        raise AssertionError(f"docs/api/{service}.yaml: a request's object at {list(path)} does not say additionalProperties: false")


def body_cases(service, operation):
    content = resolve(service, operation.get("requestBody", {})).get("content", {}).get("application/json")
    forms = branches(service, content["schema"]) if content else []
    for branch in forms:
        tells_forms_apart = {f"{name} missing" for name, member in branch["properties"].items() if "const" in resolve(service, member) and len(forms) > 1}
        for case in object_cases(service, sample(service, branch), branch):
            if case.what in tells_forms_apart:  # it is another form then, and that lacks something
                case.wrong = "?"
            other_form = case.wrong not in ("", "#", "?") and not api_contract.schema_errors(service, content["schema"], json.loads(case.body))
            if not other_form:  # what is wrong in one form of a body may be right in another
                yield case


def query_cases(service, operation):
    """Beside a parameter that is tried stand those that are required."""
    parameters = [p for p in (resolve(service, p) for p in operation.get("parameters", [])) if p["in"] == "query"]
    for parameter in parameters:
        schema, name = resolve(service, parameter["schema"]), parameter["name"]
        needed = "".join(f"&{p['name']}={sample(service, p['schema'])}" for p in parameters if p.get("required") and p is not parameter)
        for what, value, good in value_cases(service, schema):
            if not isinstance(value, float):
                yield Case(f"{name} {what}", f"{name}={value}{needed}", "" if good else name)
        if kind_of(schema) == "integer":
            yield Case(f"{name} no number", f"{name}=x{needed}", name)
        yield Case(f"{name} twice", f"{name}={sample(service, schema)}&{name}={sample(service, schema)}{needed}", "?")


def operations(service):
    for path, item in api_contract.document(service)["paths"].items():
        for method in ("get", "post", "put", "patch", "delete"):
            if method in item:
                yield method.upper(), path, {**item[method], "parameters": [*item.get("parameters", []), *item[method].get("parameters", [])]}
