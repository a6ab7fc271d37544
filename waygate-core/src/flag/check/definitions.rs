use crate::flag::model::{Flag, Segment};

/// All definitions, among which one is changed.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::{
///     Definitions, Flag, Segment, check_flag, check_flag_removal, check_segment, check_segment_removal,
/// };
///
/// #[derive(Default)]
/// struct Stored {
///     flags: Vec<Flag>,
///     segments: Vec<Segment>,
/// }
///
/// impl Definitions for Stored {
///     fn flag(&self, key: &str) -> Option<&Flag> {
///         self.flags.iter().find(|flag| flag.key.as_str() == key)
///     }
///
///     fn segment(&self, key: &str) -> Option<&Segment> {
///         self.segments.iter().find(|segment| segment.key.as_str() == key)
///     }
///
///     fn flags(&self) -> Box<dyn Iterator<Item = &Flag> + '_> {
///         Box::new(self.flags.iter())
///     }
///
///     fn segments(&self) -> Box<dyn Iterator<Item = &Segment> + '_> {
///         Box::new(self.segments.iter())
///     }
/// }
///
/// let mut stored = Stored::default();
/// let beta = Segment::parse(&json!({"key": "beta", "name": "Beta"}))?;
/// let search = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off", "fallthrough": "off",
///     "rules": [{
///         "clauses": [{"attribute": "key", "operator": "in_segment", "values": ["beta"]}], "variation": "on",
///     }],
/// }))?;
/// assert!(check_flag(&search, &stored).is_err(), "there is no such segment");
/// check_segment(&beta, &stored)?;
/// stored.segments.push(beta);
/// check_flag(&search, &stored)?;
/// stored.flags.push(search);
/// assert!(check_segment_removal("beta", &stored).is_err(), "`search` uses it");
/// check_flag_removal("search", &stored)?;
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
pub trait Definitions {
    /// Returns a flag.
    fn flag(&self, key: &str) -> Option<&Flag>;

    /// Returns a segment.
    fn segment(&self, key: &str) -> Option<&Segment>;

    /// Returns all flags.
    fn flags(&self) -> Box<dyn Iterator<Item = &Flag> + '_>;

    /// Returns all segments.
    fn segments(&self) -> Box<dyn Iterator<Item = &Segment> + '_>;
}
