"""The OpenFeature SDK for Python, with the OFREP provider. Arguments: base URL, token."""

import json
import sys

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

base_url, token = sys.argv[1:]
api.set_provider(OFREPProvider(base_url, headers_factory=lambda: {"Authorization": f"Bearer {token}"}))
client = api.get_client()
methods = {
    "boolean": client.get_boolean_details,
    "string": client.get_string_details,
    "integer": client.get_integer_details,
    "float": client.get_float_details,
    "object": client.get_object_details,
}
for line in sys.stdin:
    request = json.loads(line)
    attributes = dict(request.get("context") or {})
    key = attributes.pop("targetingKey", None)
    context = EvaluationContext(targeting_key=key, attributes=attributes)
    details = methods[request["type"]](request["key"], request["fallback"], context)
    answer = {
        "value": details.value,
        "kind": type(details.value).__name__,
        "variant": details.variant,
        "reason": details.reason,
        "flagMetadata": details.flag_metadata,
        "errorCode": details.error_code,
        "errorMessage": details.error_message,
    }
    print(json.dumps({"answer": answer}), flush=True)
