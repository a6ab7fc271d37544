//! Differences of flags and segments from the recorded exchanges.

use serde_json::{Value, json};

use super::differences::Difference;

pub(super) fn differences() -> Vec<Difference> {
    let differs = |file, name, status, body: Option<Value>, reason| Difference {
        file,
        name,
        status,
        body,
        reason,
    };
    let error = |text: &str| Some(json!({ "error": text }));
    let texts = "the texts of the validator are not stable: ours name every mistake in `errors`";
    let public = "nothing is public because of its name";
    let mut differences: Vec<Difference> = [
        "create invalid",
        "create invalid type",
        "create JSON array",
        "create weight out of range",
        "put invalid",
        "patch invalid operator",
    ]
    .map(|name| differs("flags", name, 400, None, texts))
    .into();
    differences.extend(
        ["create invalid", "put invalid"].map(|name| differs("segments", name, 400, None, texts)),
    );
    differences.extend([
        differs(
            "flags",
            "create accepts unknown variation names",
            400,
            None,
            "a flag that names unknown variations could not be evaluated",
        ),
        differs(
            "flags",
            "delete",
            404,
            error("Flag 'loose' not found"),
            "it was not created, see above",
        ),
        differs(
            "flags",
            "evaluate invalid context",
            400,
            error("invalid evaluation context: `key` must be a string"),
            "wrong types are 400",
        ),
        differs(
            "flags",
            "flag named login is reachable without credentials",
            401,
            None,
            public,
        ),
        differs(
            "flags",
            "flag named static can be enabled without credentials",
            401,
            None,
            public,
        ),
        differs(
            "segments",
            "patch not supported",
            200,
            Some(json!({ "key": "beta", "name": "Beta 2" })),
            "segments are patched as flags are",
        ),
    ]);
    differences
}
