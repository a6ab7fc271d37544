//! The replies of the scripts.

use redis::{FromRedisValue, Value};
use waygate_core::{
    model::{AuditEntry, Revision},
    port::{BackendError, Batch, CommitError, Entity, EntityKey, Expected},
};

use super::layout::{audit_entry, number};
use crate::redis::link::LinkError;

/// Converts the error of a call to one of the store.
pub(super) fn failed(error: LinkError) -> BackendError {
    let text = error.to_string();
    match error {
        // A replica or a loading server will recover; a full one will not.
        LinkError::Refused(_) if text.starts_with("READONLY") || text.starts_with("LOADING") => {
            BackendError::Unavailable(text)
        }
        LinkError::Unavailable(_) => BackendError::Unavailable(text),
        LinkError::Refused(_) => BackendError::NotWritable(text),
        LinkError::Misconfigured(_) => BackendError::Misconfigured(text),
        LinkError::Misunderstood(_) => BackendError::Corrupt(text),
    }
}

/// The revision of the store, the commit that created it, and its content unless the caller already has it.
#[derive(Debug, PartialEq)]
pub(super) struct Loaded {
    pub(super) revision: Revision,
    pub(super) commit: String,
    pub(super) entities: Option<Vec<(EntityKey, Entity)>>,
}

/// Parses the reply of `load.lua`. `Some(None)` is an empty store, `None` an invalid reply.
pub(super) fn loaded(answer: Value) -> Option<Option<Result<Loaded, BackendError>>> {
    let Value::Array(parts) = answer else {
        return None;
    };
    if parts.is_empty() {
        return Some(None);
    }
    let mut parts = parts.into_iter();
    let revision = revision(&text(parts.next()?)?, &text(parts.next()?)?)?;
    let commit = text(parts.next()?)?;
    let entities = match parts.next() {
        None => None,
        Some(Value::Array(pairs)) => match entities(pairs)? {
            Ok(entities) => Some(entities),
            Err(error) => return Some(Some(Err(error))),
        },
        Some(_) => return None,
    };
    Some(Some(Ok(Loaded {
        revision,
        commit,
        entities,
    })))
}

fn entities(pairs: Vec<Value>) -> Option<Result<Vec<(EntityKey, Entity)>, BackendError>> {
    let mut entities = Vec::with_capacity(pairs.len() / 2);
    let mut pairs = pairs.into_iter();
    while let Some(key) = pairs.next() {
        let Value::BulkString(stored) = pairs.next()? else {
            return None;
        };
        let key = text(key)?;
        let entity = number(&stored).and_then(|(revision, json)| {
            let value = serde_json::from_slice(json).ok()?;
            Some(Entity::new(revision, value))
        });
        match entity {
            Some(entity) => entities.push((key.as_str().into(), entity)),
            None => {
                let problem = format!("`{key}` is not stored as `<revision> <JSON>`");
                return Some(Err(BackendError::Corrupt(problem)));
            }
        }
    }
    Some(Ok(entities))
}

/// Parses the reply of `commit.lua`. `None` is an invalid reply.
pub(super) fn committed(answer: Value, batch: &Batch) -> Option<Result<Revision, CommitError>> {
    let Value::Array(parts) = answer else {
        return None;
    };
    let parts = parts.into_iter().map(text);
    let parts: Vec<String> = parts.collect::<Option<_>>()?;
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Some(match parts[..] {
        ["made", epoch, number] => Ok(revision(epoch, number)?),
        ["replaced", found] => Err(CommitError::Replaced {
            expected: batch.expected_epoch?,
            found: match found {
                "" => None,
                epoch => Some(epoch.parse().ok()?),
            },
        }),
        ["conflict", nth, found] => {
            let (key, expected) = batch.expected.get(nth.parse::<usize>().ok()?)?;
            Err(CommitError::Conflict {
                key: key.clone(),
                expected: *expected,
                found: match found {
                    "" => Expected::Absent,
                    number => Expected::Revision(number.parse().ok()?),
                },
            })
        }
        _ => return None,
    })
}

/// Parses the reply of `audit.lua`. `None` is an invalid reply.
pub(super) fn page(answer: Value) -> Option<Result<Vec<AuditEntry>, BackendError>> {
    let lines = Vec::<Vec<u8>>::from_redis_value(answer).ok()?;
    let entries = lines.iter().map(|line| {
        audit_entry(line).ok_or_else(|| {
            let line = String::from_utf8_lossy(line)
                .chars()
                .take(40)
                .collect::<String>();
            BackendError::Corrupt(format!("{line:?} is no line of the audit log"))
        })
    });
    Some(entries.collect())
}

/// Parses `<epoch> <revision>`.
pub(super) fn hint(message: &[u8]) -> Option<Revision> {
    let (epoch, number) = std::str::from_utf8(message).ok()?.split_once(' ')?;
    revision(epoch, number)
}

pub(super) fn revision(epoch: &str, number: &str) -> Option<Revision> {
    Some(Revision {
        epoch: epoch.parse().ok()?,
        number: number.parse().ok()?,
    })
}

fn text(value: Value) -> Option<String> {
    String::from_redis_value(value).ok()
}
