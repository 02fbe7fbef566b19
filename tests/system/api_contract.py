# SPDX-License-Identifier: Apache-2.0
"""Compares what services answer in the system tests with docs/api: statuses, content types, members, problem codes."""
import functools
import json
import pathlib
import re

import yaml
from jsonschema import Draft202012Validator

API = pathlib.Path(__file__).resolve().parents[2] / "docs/api"
# Answers of the server itself, which the files name once for all routes.
GENERAL = {400: "malformed_request", 401: "token_missing", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "unsupported_media_type",
           417: "expectation", 431: "header_too_large", 500: "internal_error", 501: "transfer_encoding", 503: "overloaded", 505: "http_version"}
CODE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b|(?<=`)[a-z]+(?=`)")


@functools.cache
def document(service):
    return yaml.safe_load((API / f"{service}.yaml").read_text())


@functools.cache
def templates(service):
    made = []
    for path, item in document(service)["paths"].items():
        pattern = "/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in path.split("/"))
        made.append((path.count("{"), re.compile(pattern + r"\Z"), item))
    return sorted(made, key=lambda row: row[0])


def operation_of(service, method, path):
    path = re.sub(r"\A/tenants/[^/]+(?=/kbs/)", "", path.split("?")[0])  # another of the file's servers
    for _, pattern, item in templates(service):
        if pattern.match(path):
            return item.get(method.lower())
    return None


def resolve(service, node):
    """The node with its $ref followed once; members beside the $ref go before."""
    if "$ref" not in node:
        return node
    target = document(service)
    for part in node["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return {**resolve(service, target), **{key: value for key, value in node.items() if key != "$ref"}}


def schema_errors(service, schema, value):
    whole = {"$ref": "#/here", "here": schema, "components": document(service)["components"]}
    return [f"{error.json_path}: {error.message[:200]}" for error in Draft202012Validator(whole).iter_errors(value)]


def undocumented(service, schema, value, at="$"):
    """Members of the value that the schema does not name, wherever it names members at all."""
    schema = resolve(service, schema)
    if schema.get("additionalProperties") is True:
        return []
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            options = [undocumented(service, option, value, at) for option in schema[choice]]
            return [] if [] in options else options[0]
    if "allOf" in schema:
        named = {key for part in schema["allOf"] for key in resolve(service, part).get("properties", {})}
        return [f"{at}.{key}" for key in value if key not in named] if isinstance(value, dict) else []
    if isinstance(value, list) and "items" in schema:
        return [found for i, one in enumerate(value) for found in undocumented(service, schema["items"], one, f"{at}[{i}]")]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    found = [f"{at}.{key}" for key in value if key not in schema["properties"]]
    for key, one in value.items():
        if key in schema["properties"]:
            found += undocumented(service, schema["properties"][key], one, f"{at}.{key}")
    return found


def words_for_all_routes(service):
    """Codes that a file names once, for every route."""
    api = document(service)
    problem = api["components"]["responses"].get("Problem", {"description": ""})
    return set(re.findall(r"[a-z_]+", api["info"]["description"] + problem["description"]))


def lower_names(value):
    return {key.lower(): lower_names(one) for key, one in value.items()} if isinstance(value, dict) else value


def codes_of(service, response):
    texts = [response.get("description", "")]
    if "$ref" in response:
        texts.append(resolve(service, response).get("description", ""))
    return {word for text in texts for word in CODE.findall(text)}


def body_errors(service, where, content, content_type, body):
    kind = content_type.split(";")[0].strip()
    if not body:
        return [] if not content else [f"{where}: no body"]
    if kind not in content:
        return [f"{where}: content type {kind!r} is not documented"]
    if "json" not in kind:
        return []
    schema, value = content[kind].get("schema", {}), json.loads(body)
    return [f"{where}: {text}" for text in schema_errors(service, schema, value)] + [f"{where}: {text} is not documented" for text in undocumented(service, schema, value)]


def answer_errors(service, method, path, status, content_type, body):
    """What of an answer the service's file does not say."""
    where = f"{method} {path.split('?')[0]} -> {status}"
    if method == "HEAD":
        return []  # as GET, without the body
    operation = operation_of(service, method, path)
    problem = json.loads(body) if content_type.startswith("application/problem+json") else {}
    if GENERAL.get(status) == problem.get("code") and problem:
        return []
    if operation is None:
        return [f"{where}: not a documented route"] if status < 400 else []
    response = operation["responses"].get(str(status))
    if problem and problem["code"] in words_for_all_routes(service) and problem["code"] not in codes_of(service, response or {}):
        return []
    if response is None:
        return [f"{where} {problem.get('code', '')}: this status is not documented"]
    errors = body_errors(service, where, resolve(service, response).get("content", {}), content_type, body)
    if problem and problem.get("code") not in codes_of(service, response):
        errors.append(f"{where}: the code {problem.get('code')} is not documented")
    return errors


def request_errors(service, method, path, body):
    """Why the file would not let a body through that the service took."""
    operation = operation_of(service, method, path)
    if not operation or not body:
        return []
    try:
        value = json.loads(body) if isinstance(body, (str, bytes)) else body
    except ValueError:
        return []
    content = resolve(service, operation.get("requestBody", {})).get("content", {})
    if "application/json" not in content:
        return [f"{method} {path}: no body is documented"]
    schema = content["application/json"]["schema"]
    if resolve(service, schema).get("x-case-insensitive"):
        value = lower_names(value)
    return [f"{method} {path}, request: {text}" for text in schema_errors(service, schema, value)]


def check(service, method, path, request, status, content_type, body):
    errors = answer_errors(service, method, path, status, content_type or "", body)
    if 200 <= status < 300:
        errors += request_errors(service, method, path, request)
    assert not errors, f"docs/api/{service}.yaml: " + "; ".join(errors[:4])
