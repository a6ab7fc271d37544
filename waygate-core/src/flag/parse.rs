use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

use super::{
    check,
    model::{Flag, Segment},
    problem::Problems,
    read, scheduled,
};

impl Flag {
    /// Reads a definition for writing: any problem refuses it, and all are reported together.
    ///
    /// References to other flags and segments are checked by [`check_flag`](crate::flag::check_flag).
    ///
    /// ```
    /// use serde_json::json;
    /// use waygate_core::flag::Flag;
    ///
    /// let problems = Flag::parse(&json!({
    ///     "key": "f", "name": "F", "type": "boolean",
    ///     "variations": [{"name": "on", "value": "yes"}, {"name": "off", "value": false}],
    ///     "off_variation": "offf", "fallthrough": [{"variation": "on", "weight": 10}],
    /// })).unwrap_err();
    /// let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    /// assert_eq!(problems, [
    ///     "/variations/0/value: \"yes\" is no boolean, the type of the flag",
    ///     "/off_variation: the flag has no variation `offf`; did you mean `off`?",
    ///     "/fallthrough: the weights sum to 10; they must sum to 100000, which is 100%",
    /// ]);
    /// ```
    ///
    /// # Errors
    /// All problems, each with its place.
    pub fn parse(definition: &Value) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let flag = read::flag(definition, &mut problems);
        check::flag(&flag, &mut problems);
        if problems.is_empty() {
            scheduled::check(&flag, &mut problems);
        }
        problems.or(flag)
    }

    /// Reads a definition that a store has. Accepts what the wire contract accepts: unknown members and variations,
    /// weights of any sum, values of another type, duplicates, operands that never match.
    ///
    /// ```
    /// use serde_json::json;
    /// use waygate_core::flag::Flag;
    ///
    /// let sloppy = json!({
    ///     "key": "search", "name": "Search", "type": "boolean", "variations": [],
    ///     "off_variation": "no such variation", "fallthrough": "neither",
    /// });
    /// assert!(Flag::stored(&sloppy).is_ok());
    /// assert!(Flag::parse(&sloppy).is_err());
    /// ```
    ///
    /// # Errors
    /// Missing members, and values of a wrong type.
    pub fn stored(definition: &Value) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let flag = read::flag(definition, &mut problems);
        problems.structural().or(flag)
    }
}

impl<'de> Deserialize<'de> for Flag {
    /// As [`Flag::stored`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::stored(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Segment {
    /// Reads a definition for writing: any problem refuses it, and all are reported together.
    ///
    /// References to other segments are checked by [`check_segment`](crate::flag::check_segment).
    ///
    /// ```
    /// use serde_json::json;
    /// use waygate_core::flag::Segment;
    ///
    /// let beta = Segment::parse(&json!({"key": "beta", "name": "Beta", "included": ["user-1"]}))?;
    /// assert_eq!(beta.included, ["user-1"]);
    /// # Ok::<(), waygate_core::flag::Problems>(())
    /// ```
    ///
    /// # Errors
    /// All problems, each with its place.
    pub fn parse(definition: &Value) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let segment = read::segment(definition, &mut problems);
        check::segment(&segment, &mut problems);
        problems.or(segment)
    }

    /// Reads a definition that a store has, as [`Flag::stored`] does.
    ///
    /// ```
    /// use serde_json::json;
    /// use waygate_core::flag::Segment;
    ///
    /// let unknown_member = json!({"key": "beta", "name": "Beta", "colour": "green"});
    /// assert!(Segment::stored(&unknown_member).is_ok());
    /// assert!(Segment::parse(&unknown_member).is_err());
    /// ```
    ///
    /// # Errors
    /// Missing members, and values of a wrong type.
    pub fn stored(definition: &Value) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let segment = read::segment(definition, &mut problems);
        problems.structural().or(segment)
    }
}

impl<'de> Deserialize<'de> for Segment {
    /// As [`Segment::stored`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::stored(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
