use crate::flag::{
    model::{Flag, LayerRange, Segment},
    scheduled,
};

/// What a definition needs of others, and what others may need of it: all that the checks of another definition read.
///
/// A store that several processes write must not accept two changes of relations that were checked without each other:
/// each may be valid, and both together may form a cycle.
///
/// ```
/// use serde_json::json;
/// use waygate_core::flag::{Flag, Relations};
///
/// let search = Flag::parse(&json!({
///     "key": "search", "name": "Search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off", "fallthrough": "off",
/// }))?;
/// let enabled = search.patch(&json!({"enabled": true}))?;
/// assert_eq!(Relations::of_flag(&search), Relations::of_flag(&enabled));
/// let needing = search.patch(&json!({"prerequisites": [{"flag_key": "beta", "variation": "on"}]}))?;
/// assert_ne!(Relations::of_flag(&search), Relations::of_flag(&needing));
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Relations {
    /// Now, and after each scheduled change.
    states: Vec<State>,
}

#[derive(Debug, Clone, PartialEq)]
struct State {
    variations: Vec<String>,
    prerequisites: Vec<(String, String)>,
    segments: Vec<String>,
    layer: Option<LayerRange>,
    bucket_by: Option<String>,
    context_kind: Option<String>,
}

impl Relations {
    /// Returns the relations of a flag, now and after each of its scheduled changes.
    ///
    /// ```
    /// use waygate_core::flag::{Flag, Relations};
    ///
    /// fn has_same_relations(one: &Flag, other: &Flag) -> bool {
    ///     Relations::of_flag(one) == Relations::of_flag(other)
    /// }
    /// ```
    pub fn of_flag(flag: &Flag) -> Self {
        let later = scheduled::states(flag);
        let states = std::iter::once(flag).chain(later.iter().map(|(_, flag)| flag));
        let mut states: Vec<State> = states.map(State::of_flag).collect();
        // A switch changes no relations.
        states.dedup();
        Self { states }
    }

    /// Returns the relations of a segment.
    ///
    /// ```
    /// use serde_json::json;
    /// use waygate_core::flag::{Relations, Segment};
    ///
    /// let beta = Segment::parse(&json!({"key": "beta", "name": "Beta", "included": ["user-1"]}))?;
    /// let empty = beta.patch(&json!({"included": []}))?;
    /// assert_eq!(Relations::of_segment(&beta), Relations::of_segment(&empty));
    /// # Ok::<(), waygate_core::flag::Problems>(())
    /// ```
    pub fn of_segment(segment: &Segment) -> Self {
        let state = State {
            variations: Vec::new(),
            prerequisites: Vec::new(),
            segments: segment.needed_segments().map(str::to_owned).collect(),
            layer: None,
            bucket_by: None,
            context_kind: None,
        };
        Self {
            states: vec![state],
        }
    }
}

impl State {
    fn of_flag(flag: &Flag) -> Self {
        let variations = flag.variations.iter();
        let prerequisites = flag.prerequisites.iter();
        Self {
            variations: variations.map(|one| one.name.clone()).collect(),
            prerequisites: prerequisites
                .map(|one| (one.flag_key.to_string(), one.variation.clone()))
                .collect(),
            segments: flag.needed_segments().map(str::to_owned).collect(),
            layer: flag.layer.clone(),
            bucket_by: flag.bucket_by.clone(),
            context_kind: flag.context_kind.clone(),
        }
    }
}
