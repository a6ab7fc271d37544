use serde_json::Value;

use super::{
    model::Flag,
    problem::{ProblemCode, Problems},
};

impl Flag {
    /// Returns the flag with the members of a patch in place of its own, whole (wire contract, section 4.7). `key` and
    /// `type` stay.
    ///
    /// # Errors
    /// The problems of the result, or that the patch is no object.
    pub fn patch(&self, members: &Value) -> Result<Self, Problems> {
        match self.patched(members) {
            Some(definition) => Self::parse(&definition),
            None => {
                let mut problems = Problems::default();
                problems.add("", ProblemCode::WrongType, "expected an object");
                Err(problems)
            }
        }
    }

    /// Returns the definition with members replaced; `None` if the patch is no object.
    pub(super) fn patched(&self, members: &Value) -> Option<Value> {
        let mut definition = serde_json::to_value(self).ok()?;
        let own = definition.as_object_mut()?;
        for (name, value) in members.as_object()? {
            if !matches!(name.as_str(), "key" | "type") {
                own.insert(name.clone(), value.clone());
            }
        }
        Some(definition)
    }
}
