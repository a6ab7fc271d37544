//! The content of a state file: format, epoch, revision, checksum and entities.

use std::{collections::BTreeMap, fmt::Write as _, io, sync::Arc};

use hmac_sha256::Hash;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use waygate_core::{
    StrictJson,
    model::{Epoch, Revision},
    port::{Entity, EntityKey},
};

use crate::table::Table;

/// The version of the layout that this code writes, and the newest that it reads.
pub(super) const FORMAT: u64 = 1;

/// The greatest possible revision; a greater one in a file is damage.
pub(super) const MAX_REVISION: u64 = i64::MAX as u64;

const CHECKSUM: &str = "checksum";

/// A parsed file.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) table: Table,
    /// It has a checksum. Without one, it was edited by hand.
    pub(super) sealed: bool,
}

/// The reason why a file is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Corrupt(String),
    /// Written by a later version, in the layout with this number.
    Newer(u64),
}

/// The file of a table. The checksum precedes the entities, so that a truncated file either has a wrong checksum or
/// lacks the entities.
#[derive(Serialize)]
pub(super) struct Envelope<'a> {
    format: u64,
    epoch: Epoch,
    revision: u64,
    checksum: String,
    entities: &'a BTreeMap<EntityKey, Arc<Entity>>,
}

impl<'a> Envelope<'a> {
    pub(super) fn seal(table: &'a Table) -> Result<Self, serde_json::Error> {
        Ok(Self {
            format: FORMAT,
            epoch: table.revision.epoch,
            revision: table.revision.number,
            checksum: checksum_of_table(table)?,
            entities: &table.entities,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "format")]
    _format: u64,
    epoch: Epoch,
    revision: u64,
    entities: BTreeMap<EntityKey, RawEntity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntity {
    revision: u64,
    value: Value,
}

/// Validates a parsed file.
pub(super) fn open(root: Value) -> Result<Document, Refusal> {
    let corrupt = |problem: &str| Refusal::Corrupt(problem.to_owned());
    let Value::Object(mut root) = root else {
        return Err(corrupt("it does not consist of named fields"));
    };
    let stated = root.remove(CHECKSUM);
    if let Some(stated) = &stated {
        // The checksum rule is the same in every layout, so a damaged layout number differs from one that is really
        // newer.
        let actual = checksum_of_fields(&root).map_err(|e| Refusal::Corrupt(e.to_string()))?;
        if stated.as_str() != Some(&actual) {
            return Err(corrupt(
                "its content does not match its checksum; if you edited it by hand, remove the \
                 line `checksum`",
            ));
        }
    }
    match root.get("format").and_then(Value::as_u64) {
        Some(FORMAT) => {}
        Some(newer) if newer > FORMAT => return Err(Refusal::Newer(newer)),
        _ => return Err(corrupt("its field `format` is missing or not 1")),
    }
    let raw = Raw::deserialize(StrictJson(Value::Object(root)));
    let raw = raw.map_err(|e| Refusal::Corrupt(e.to_string()))?;
    if raw.revision > MAX_REVISION {
        return Err(corrupt("its field `revision` is above 2^63 - 1"));
    }
    let mut entities = BTreeMap::new();
    for (key, RawEntity { revision, value }) in raw.entities {
        key.check().map_err(|e| Refusal::Corrupt(e.to_string()))?;
        entities.insert(key, Arc::new(Entity::new(revision, value)));
    }
    let revision = Revision {
        epoch: raw.epoch,
        number: raw.revision,
    };
    Ok(Document {
        table: Table { revision, entities },
        sealed: stated.is_some(),
    })
}

/// Returns the SHA-256 of the document without its checksum, as JSON without white space and with sorted keys:
/// independent of format, comments and layout.
fn checksum_of_fields(root: &Map<String, Value>) -> Result<String, serde_json::Error> {
    let mut hasher = Hasher(Hash::new());
    hasher.object(root)?;
    Ok(hasher.finish())
}

/// Returns the same checksum of a table, without building its document.
fn checksum_of_table(table: &Table) -> Result<String, serde_json::Error> {
    let mut hasher = Hasher(Hash::new());
    hasher.text("{\"entities\":{");
    for (nth, (key, entity)) in table.entities.iter().enumerate() {
        hasher.text(if nth == 0 { "" } else { "," });
        serde_json::to_writer(&mut hasher, key)?;
        hasher.text(&format!(":{{\"revision\":{},\"value\":", entity.revision));
        hasher.value(&entity.value)?;
        hasher.text("}");
    }
    hasher.text("},\"epoch\":");
    serde_json::to_writer(&mut hasher, &table.revision.epoch)?;
    let number = table.revision.number;
    hasher.text(&format!(",\"format\":{FORMAT},\"revision\":{number}}}"));
    Ok(hasher.finish())
}

struct Hasher(Hash);

impl Hasher {
    fn text(&mut self, text: &str) {
        self.0.update(text);
    }

    fn value(&mut self, value: &Value) -> Result<(), serde_json::Error> {
        match value {
            Value::Object(members) => self.object(members),
            Value::Array(items) => {
                self.text("[");
                for (nth, item) in items.iter().enumerate() {
                    self.text(if nth == 0 { "" } else { "," });
                    self.value(item)?;
                }
                self.text("]");
                Ok(())
            }
            scalar => serde_json::to_writer(self, scalar),
        }
    }

    fn object(&mut self, members: &Map<String, Value>) -> Result<(), serde_json::Error> {
        let mut members: Vec<_> = members.iter().collect();
        members.sort_unstable_by_key(|(name, _)| *name);
        self.text("{");
        for (nth, (name, value)) in members.into_iter().enumerate() {
            self.text(if nth == 0 { "" } else { "," });
            serde_json::to_writer(&mut *self, name)?;
            self.text(":");
            self.value(value)?;
        }
        self.text("}");
        Ok(())
    }

    fn finish(self) -> String {
        let mut text = "sha256:".to_owned();
        for byte in self.0.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table() -> Table {
        let entity = |revision, value| Arc::new(Entity::new(revision, value));
        Table {
            revision: Revision {
                epoch: Epoch::random(),
                number: 7,
            },
            entities: BTreeMap::from([
                ("b".into(), entity(7, json!({ "z": [1, null], "a": 0.5 }))),
                ("a/\"é\"".into(), entity(3, json!("text"))),
            ]),
        }
    }

    fn sealed(table: &Table) -> Value {
        serde_json::to_value(Envelope::seal(table).unwrap()).unwrap()
    }

    fn problem(root: Value) -> String {
        match open(root).unwrap_err() {
            Refusal::Corrupt(problem) => problem,
            Refusal::Newer(format) => format!("newer: {format}"),
        }
    }

    #[test]
    fn sealed_documents_open() {
        let table = table();
        let document = open(sealed(&table)).unwrap();
        assert_eq!(document.table, table);
        assert!(document.sealed);
    }

    #[test]
    fn an_edit_without_checksum_is_accepted() {
        let mut root = sealed(&table());
        root["entities"]["b"]["value"] = json!("edited");
        assert!(problem(root.clone()).contains("remove the line `checksum`"));
        root.as_object_mut().unwrap().remove("checksum");
        let document = open(root).unwrap();
        assert!(!document.sealed);
        assert_eq!(document.table.entities["b"].value, json!("edited"));
    }

    #[test]
    fn a_newer_layout_differs_from_a_damaged_one() {
        let mut root = sealed(&table());
        root["format"] = json!(2);
        assert!(problem(root.clone()).contains("does not match its checksum"));
        let fields = root.as_object_mut().unwrap();
        fields.remove("checksum");
        fields.insert("clusters".to_owned(), json!({}));
        let checksum = checksum_of_fields(fields).unwrap();
        fields.insert("checksum".to_owned(), json!(checksum));
        assert_eq!(open(root).unwrap_err(), Refusal::Newer(2));
    }

    #[test]
    fn unknown_and_missing_fields_are_refused() {
        let edited = |edit: fn(&mut Map<String, Value>)| {
            let mut root = sealed(&table());
            let fields = root.as_object_mut().unwrap();
            fields.remove("checksum");
            edit(fields);
            problem(root)
        };
        assert!(edited(|f| drop(f.insert("extra".into(), json!(1)))).contains("`extra`"));
        assert!(edited(|f| drop(f.remove("entities"))).contains("missing field `entities`"));
        assert!(edited(|f| drop(f.remove("format"))).contains("`format` is missing"));
        assert!(edited(|f| drop(f.insert("revision".into(), json!(-1)))).contains("-1"));
        assert!(edited(|f| f["entities"]["b"]["valeu"] = json!(1)).contains("`valeu`"));
        assert!(edited(|f| f["entities"]["b"] = json!([1, 2])).contains("sequence"));
        assert!(edited(|f| f["entities"] = json!([])).contains("sequence"));
        assert!(
            edited(|f| f["entities"][""] = json!({ "revision": 1, "value": 1 })).contains("empty")
        );
        assert!(problem(json!([])).contains("named fields"));
    }
}
