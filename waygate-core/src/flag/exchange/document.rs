use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::note::ImportNote;
use crate::flag::{
    check::Definitions,
    model::{Flag, Segment},
    place::Place,
    problem::{ProblemCode, Problems},
};

/// Flags and segments in one document: `{"version": 1, "flags": [..], "segments": [..]}`, with definitions in the form of
/// the wire contract, section 2.5.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::exchange::FlagDocument;
///
/// let document = json!({"version": 1, "segments": [], "flags": [{
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off", "fallthrough": "onn",
/// }]});
/// let problems = FlagDocument::parse(&document).unwrap_err();
/// let problem = problems.iter().next().unwrap();
/// assert_eq!(problem.pointer, "/flags/0/fallthrough");
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct FlagDocument {
    /// The flags.
    pub flags: Vec<Flag>,
    /// The segments.
    pub segments: Vec<Segment>,
}

impl FlagDocument {
    /// The version of the form that is written, and the only one that is read.
    pub const VERSION: u64 = 1;

    /// Creates a document.
    ///
    /// ```
    /// use waygate_core::flag::exchange::FlagDocument;
    ///
    /// let (flags, segments) = (Vec::new(), Vec::new());
    /// let document = FlagDocument::new(flags, segments);
    /// assert_eq!(document, FlagDocument::default());
    /// ```
    pub fn new(flags: Vec<Flag>, segments: Vec<Segment>) -> Self {
        Self { flags, segments }
    }

    /// Copies all definitions, by key.
    ///
    /// ```
    /// # use waygate_core::flag::{Definitions, exchange::FlagDocument};
    /// fn backup(definitions: &impl Definitions) -> String {
    ///     FlagDocument::export(definitions).to_json().to_string()
    /// }
    /// ```
    pub fn export(definitions: &impl Definitions) -> Self {
        let mut document = Self {
            flags: definitions.flags().cloned().collect(),
            segments: definitions.segments().cloned().collect(),
        };
        document.flags.sort_by(|one, other| one.key.cmp(&other.key));
        document
            .segments
            .sort_by(|one, other| one.key.cmp(&other.key));
        document
    }

    /// Leaves out the scheduled changes that are past, and returns a note for each: the scheduler would make them again, as
    /// soon as they are stored. Those that the stored flag still has are kept.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use waygate_core::flag::{Definitions, Flag, Segment, exchange::FlagDocument};
    /// # struct Empty;
    /// # impl Definitions for Empty {
    /// #     fn flag(&self, _: &str) -> Option<&Flag> { None }
    /// #     fn segment(&self, _: &str) -> Option<&Segment> { None }
    /// #     fn flags(&self) -> Box<dyn Iterator<Item = &Flag> + '_> { Box::new(std::iter::empty()) }
    /// #     fn segments(&self) -> Box<dyn Iterator<Item = &Segment> + '_> { Box::new(std::iter::empty()) }
    /// # }
    /// # let flag = Flag::parse(&json!({
    /// #     "key": "search", "name": "Search", "type": "boolean",
    /// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    /// #     "off_variation": "off", "fallthrough": "off",
    /// #     "scheduled_changes": [{"execute_at": "2029-01-01T00:00:00Z", "action": "disable"}],
    /// # }))?;
    /// let mut document = FlagDocument::new(vec![flag], Vec::new());
    /// let notes = document.drop_past_changes("2030-01-01T00:00:00Z".parse().unwrap(), &Empty);
    /// assert_eq!(notes[0].pointer, "/flags/0/scheduled_changes/0");
    /// assert!(document.flags[0].scheduled_changes.is_empty());
    /// # Ok::<(), waygate_core::flag::Problems>(())
    /// ```
    pub fn drop_past_changes(
        &mut self,
        now: Timestamp,
        stored: &impl Definitions,
    ) -> Vec<ImportNote> {
        let mut notes = Vec::new();
        for (nth, flag) in self.flags.iter_mut().enumerate() {
            let known = stored.flag(flag.key.as_str());
            let known = known.map_or(&[][..], |known| &*known.scheduled_changes);
            let mut at = 0..;
            flag.scheduled_changes.retain(|change| {
                let at = at.next().unwrap_or_default();
                let is_pending = known.iter().any(|other| other.is_same(change));
                let stays = change.execute_at > now || is_pending;
                if !stays {
                    notes.push(ImportNote {
                        key: flag.key.to_string(),
                        pointer: format!("/flags/{nth}/scheduled_changes/{at}"),
                        message: format!(
                            "the scheduled change `{}` was left out: its time, {}, is past",
                            change.action, change.execute_at
                        ),
                    });
                }
                stays
            });
        }
        notes
    }

    /// Returns the document in JSON.
    pub fn to_json(&self) -> Value {
        json!({"version": Self::VERSION, "flags": self.flags, "segments": self.segments})
    }

    /// Reads a document as [`Flag::parse`] and [`Segment::parse`] do. References are checked by
    /// [`plan`](crate::flag::exchange::plan).
    ///
    /// # Errors
    /// The first 100 problems of all definitions, with their places in the document. If there may be more, the last one
    /// says so, with [`ProblemCode::Incomplete`].
    pub fn parse(document: &Value) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let Value::Object(members) = document else {
            let message = "expected an object with `version`, `flags` and `segments`";
            problems.add("", ProblemCode::WrongType, message);
            return Err(problems);
        };
        for name in members.keys() {
            if !matches!(name.as_str(), "version" | "flags" | "segments") {
                let message = "there is no such member; known are `version`, `flags`, `segments`";
                let place = Place::Member(&Place::Root, name);
                problems.add(place, ProblemCode::UnknownMember, message);
            }
        }
        match members.get("version") {
            Some(version) if version.as_u64() == Some(Self::VERSION) => {}
            Some(version) => {
                let message = format!("expected version {}, found {version}", Self::VERSION);
                problems.add("/version", ProblemCode::WrongType, message);
            }
            None => {
                let message = format!("the member `version` is required: {}", Self::VERSION);
                problems.add("/version", ProblemCode::Missing, message);
            }
        }
        let list = |name| members.get(name).unwrap_or(&Value::Null);
        let document = Self {
            segments: definitions(list("segments"), "segments", Segment::parse, &mut problems),
            flags: definitions(list("flags"), "flags", Flag::parse, &mut problems),
        };
        distinct(list("segments"), "segments", &mut problems);
        distinct(list("flags"), "flags", &mut problems);
        problems.of_document(document)
    }
}

/// Reads a list of definitions; `null` is as good as an empty one.
fn definitions<T>(
    list: &Value,
    name: &str,
    parse: fn(&Value) -> Result<T, Problems>,
    problems: &mut Problems,
) -> Vec<T> {
    let place = Place::Member(&Place::Root, name);
    let definitions = match list {
        Value::Array(definitions) => &**definitions,
        Value::Null => &[],
        _ => {
            problems.add(place, ProblemCode::WrongType, "expected a list");
            &[]
        }
    };
    let mut read = Vec::with_capacity(definitions.len());
    for (at, definition) in definitions.iter().enumerate() {
        if problems.is_full() {
            break;
        }
        match parse(definition) {
            Ok(definition) => read.push(definition),
            Err(its) => problems.append(Place::Index(&place, at), its),
        }
    }
    read
}

/// Checks that no two definitions have the same key.
fn distinct(definitions: &Value, name: &str, problems: &mut Problems) {
    let mut known = HashSet::new();
    let list = Place::Member(&Place::Root, name);
    let definitions = definitions.as_array().into_iter().flatten();
    for (at, definition) in definitions.enumerate() {
        if let Some(Value::String(key)) = definition.get("key")
            && !known.insert(key)
        {
            let place = Place::Index(&list, at);
            let message = format!("`{key}` is there twice");
            problems.push(
                Place::Member(&place, "key"),
                ProblemCode::Duplicate,
                message,
            );
        }
    }
}
