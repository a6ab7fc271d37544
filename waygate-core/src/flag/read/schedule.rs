use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    at::{self, At},
    object::Object,
};
use crate::flag::{
    model::{ChangeAction, ScheduledChange},
    problem::Problems,
};

pub(super) fn scheduled_change(at: At<'_>, p: &mut Problems) -> ScheduledChange {
    Object::read(at, p, |object, p| ScheduledChange {
        id: object.id(p),
        execute_at: object
            .required("execute_at", at::instant, p)
            .unwrap_or(Timestamp::UNIX_EPOCH),
        action: object
            .required("action", at::parsed, p)
            .unwrap_or(ChangeAction::Enable),
        payload: object
            .optional("payload", payload, p)
            .unwrap_or_else(|| Value::Object(Map::new())),
        created_by: object
            .optional("created_by", at::text, p)
            .unwrap_or_else(|| "system".to_owned()),
        created_at: object.parsed("created_at", at::instant, p),
    })
}

fn payload(at: At<'_>, p: &mut Problems) -> Value {
    if !at.value.is_object() {
        at.wrong("an object", p);
    }
    at.value.clone()
}
