use serde::Serialize;
use serde_json::Value;

use super::{
    model::{Flag, Segment},
    problem::{ProblemCode, Problems},
};

impl Flag {
    /// Returns the flag with the members of a patch in place of its own, whole (wire contract, section 4.7). `key` and
    /// `type` stay.
    ///
    /// ```
    /// # use serde_json::json;
    /// # use waygate_core::flag::*;
    /// # let search = json!({
    /// #     "key": "search", "name": "Search", "type": "boolean",
    /// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    /// #     "off_variation": "off", "fallthrough": "off",
    /// # });
    /// let flag = Flag::parse(&search)?;
    /// let patched = flag.patch(&json!({"fallthrough": "on"}))?;
    /// assert_eq!(patched.fallthrough, Serve::Variation("on".to_owned()));
    /// assert!(flag.patch(&json!({"fallthrough": "neither"})).is_err());
    /// # Ok::<(), waygate_core::flag::Problems>(())
    /// ```
    ///
    /// # Errors
    /// The problems of the result, that the patch is no object, or that it changes the fallthrough without effect: a
    /// progressive rollout, which the patch does not mention, decides in its place.
    pub fn patch(&self, members: &Value) -> Result<Self, Problems> {
        let Some(definition) = self.patched(members) else {
            return Err(no_object());
        };
        let patched = Self::parse(&definition)?;
        if self.progressive.is_some()
            && members.get("progressive").is_none()
            && patched.fallthrough != self.fallthrough
        {
            let mut problems = Problems::default();
            let message = "the progressive rollout decides in place of the fallthrough; set `progressive` to null as well";
            problems.add("/fallthrough", ProblemCode::Contradiction, message);
            return Err(problems);
        }
        Ok(patched)
    }

    /// Returns the definition with members replaced; `None` if the patch is no object.
    pub(super) fn patched(&self, members: &Value) -> Option<Value> {
        replaced(self, members, &["key", "type"])
    }
}

impl Segment {
    /// Returns the segment with the members of a patch in place of its own, whole. `key` stays.
    ///
    /// ```
    /// use serde_json::json;
    /// use waygate_core::flag::Segment;
    ///
    /// let beta = Segment::parse(&json!({"key": "beta", "name": "Beta"}))?;
    /// assert_eq!(beta.patch(&json!({"included": ["user-1"]}))?.included, ["user-1"]);
    /// # Ok::<(), waygate_core::flag::Problems>(())
    /// ```
    ///
    /// # Errors
    /// The problems of the result, or that the patch is no object.
    pub fn patch(&self, members: &Value) -> Result<Self, Problems> {
        match replaced(self, members, &["key"]) {
            Some(definition) => Self::parse(&definition),
            None => Err(no_object()),
        }
    }
}

/// Returns a definition with members replaced, but for those that stay; `None` if the patch is no object.
fn replaced(definition: &impl Serialize, members: &Value, kept: &[&str]) -> Option<Value> {
    let mut definition = serde_json::to_value(definition).ok()?;
    let own = definition.as_object_mut()?;
    for (name, value) in members.as_object()? {
        if !kept.contains(&name.as_str()) {
            own.insert(name.clone(), value.clone());
        }
    }
    Some(definition)
}

fn no_object() -> Problems {
    let mut problems = Problems::default();
    problems.add("", ProblemCode::WrongType, "expected an object");
    problems
}
