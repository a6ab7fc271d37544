use std::sync::{Arc, atomic::AtomicBool};

use crate::flag::{
    compile::{CompiledFlag, CompiledSegment},
    key::{FlagKey, SegmentKey},
    map::Map,
    observe::{Observer, Watch},
};

/// Compiled flags and segments, for evaluation without locks and allocations.
///
/// A clone shares all flags and segments; change the clone, and swap it in.
///
/// ```
/// use std::sync::Arc;
///
/// use serde_json::json;
/// use waygate_core::{
///     flag::{CompileOptions, CompiledFlag, EvaluationContext, Flag, FlagSet},
///     port::ManualClock,
/// };
///
/// # let search = json!({
/// #     "key": "search", "name": "Search", "type": "boolean",
/// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
/// #     "off_variation": "off", "fallthrough": "off",
/// # });
/// let (flag, _) = CompiledFlag::compile(Arc::new(Flag::parse(&search)?), CompileOptions::default());
/// let mut flags = FlagSet::new();
/// flags.insert_flag(Arc::new(flag));
/// let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
/// let user = EvaluationContext::new("user-1");
/// let flag = flags.flag("search").expect("a flag").clone();
/// assert_eq!(flags.evaluate_flag(&flag, &user, &clock).as_bool(), Ok(false));
/// assert_eq!(flags.evaluate("search", &user, &clock).and_then(|resolution| resolution.variation()), Some("off"));
/// assert!(flags.segment("beta").is_none());
/// flags.remove_flag("search");
/// assert!(flags.evaluate("search", &user, &clock).is_none());
/// assert!(flags.remove_segment("beta").is_none());
/// # Ok::<(), waygate_core::flag::Problems>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct FlagSet {
    flags: Map<FlagKey, Arc<CompiledFlag>>,
    segments: Map<SegmentKey, Arc<CompiledSegment>>,
    watch: Option<Watch>,
}

impl FlagSet {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reports evaluations to an observer while `is_active` is `true`, and keys of flags that do not exist always.
    ///
    /// ```
    /// use std::sync::{Arc, atomic::AtomicBool};
    ///
    /// use waygate_core::flag::{Context, FlagSet, Observer, Resolution};
    ///
    /// #[derive(Debug)]
    /// struct Printed;
    ///
    /// impl Observer for Printed {
    ///     fn evaluated(&self, _: &dyn Context, resolution: &Resolution<'_>) {
    ///         println!("{}: {:?}", resolution.flag_key(), resolution.variation());
    ///     }
    ///
    ///     fn missing(&self, key: &str) {
    ///         println!("there is no flag {key}");
    ///     }
    /// }
    ///
    /// FlagSet::new().observe(Arc::new(Printed), Arc::new(AtomicBool::new(true)));
    /// ```
    pub fn observe(&mut self, observer: Arc<dyn Observer>, is_active: Arc<AtomicBool>) {
        self.watch = Some(Watch::new(observer, is_active));
    }

    #[inline]
    pub(super) fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    /// Adds a flag, in place of one of the same key.
    pub fn insert_flag(&mut self, flag: Arc<CompiledFlag>) {
        self.flags.insert(flag.definition().key.clone(), flag);
    }

    /// Removes a flag.
    pub fn remove_flag(&mut self, key: &str) -> Option<Arc<CompiledFlag>> {
        self.flags.remove(key)
    }

    /// Adds a segment, in place of one of the same key.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use serde_json::json;
    /// use waygate_core::flag::{CompileOptions, CompiledSegment, FlagSet, Segment};
    ///
    /// let beta = Segment::parse(&json!({"key": "beta", "name": "Beta", "included": ["user-1"]}))?;
    /// let (beta, _) = CompiledSegment::compile(Arc::new(beta), CompileOptions::default());
    /// let mut flags = FlagSet::new();
    /// flags.insert_segment(Arc::new(beta));
    /// assert!(flags.segment("beta").is_some());
    /// # Ok::<(), waygate_core::flag::Problems>(())
    /// ```
    pub fn insert_segment(&mut self, segment: Arc<CompiledSegment>) {
        self.segments
            .insert(segment.definition().key.clone(), segment);
    }

    /// Removes a segment.
    pub fn remove_segment(&mut self, key: &str) -> Option<Arc<CompiledSegment>> {
        self.segments.remove(key)
    }

    /// Returns a flag.
    pub fn flag(&self, key: &str) -> Option<&Arc<CompiledFlag>> {
        self.flags.get(key)
    }

    /// Returns a segment.
    pub fn segment(&self, key: &str) -> Option<&Arc<CompiledSegment>> {
        self.segments.get(key)
    }

    /// Returns all flags, in no order.
    pub fn flags(&self) -> impl Iterator<Item = &Arc<CompiledFlag>> {
        self.flags.values()
    }

    /// Returns all segments, in no order.
    pub fn segments(&self) -> impl Iterator<Item = &Arc<CompiledSegment>> {
        self.segments.values()
    }
}
