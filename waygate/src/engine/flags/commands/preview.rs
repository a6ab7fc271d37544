use std::sync::Arc;

use waygate_core::flag::{
    Checks, CompiledFlag, CompiledSegment, Context, Flag, FlagKey, FlagSet, Resolution, Segment,
};

use super::{change::invalid, definition::Definition};
use crate::engine::{
    flags::{FlagError, Flags},
    kinds::{self, Records},
    store::{Holds, json},
};

/// Evaluates a flag as it is, and as it would be with another definition. See [`Flags::preview`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use serde_json::json;
/// use waygate::{Waygate, flags::{EvaluationContext, Flag}};
///
/// let waygate = Waygate::builder().build().await?;
/// let mut flag = Flag::parse(&json!({
///     "key": "search", "name": "New search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off", "fallthrough": "off",
/// }))?;
/// waygate.system().create_flag(flag.clone()).await?;
/// flag.fallthrough = waygate::flags::Serve::Variation("on".to_owned());
/// let preview = waygate.flags().preview(&flag)?;
/// let user = EvaluationContext::new("user-1");
/// assert_eq!(preview.current(&user).expect("a flag").variation(), Some("off"));
/// assert_eq!(preview.next(&user).expect("a flag").variation(), Some("on"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FlagPreview {
    current: Flags,
    next: FlagSet,
    key: FlagKey,
}

impl Flags {
    /// Returns the effect that a definition would have if it were stored now. Checks it as a write does, and stores
    /// nothing. See [`FlagPreview`].
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use serde_json::json;
    /// # use waygate::{Waygate, flags::Flag};
    /// # let waygate = Waygate::builder().build().await?;
    /// # let flag = Flag::parse(&json!({
    /// #     "key": "search", "name": "New search", "type": "boolean",
    /// #     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    /// #     "off_variation": "off", "fallthrough": "off",
    /// # }))?;
    /// # waygate.system().create_flag(flag.clone()).await?;
    /// # use waygate::flags::EvaluationContext;
    /// # let user = EvaluationContext::new("user-1");
    /// let preview = waygate.flags().preview(&flag)?;
    /// let (now, then) = (preview.current(&user), preview.next(&user));
    /// assert_eq!(now.expect("a flag").variation(), then.expect("a flag").variation());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`FlagError::Invalid`] with all problems of the definition.
    pub fn preview(&self, definition: &Flag) -> Result<FlagPreview, FlagError> {
        let flag = self.checked::<kinds::Flags>(&definition.key, definition)?;
        let key = flag.key.clone();
        let mut next = self.set().clone();
        let (compiled, _) = CompiledFlag::compile(Arc::new(flag), self.compile_options());
        next.insert_flag(Arc::new(compiled));
        Ok(FlagPreview {
            current: self.clone(),
            next,
            key,
        })
    }

    /// Returns the effect that a segment would have on all flags if it were stored now. Checks it as a write does, and
    /// stores nothing. See [`SegmentPreview`].
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use serde_json::json;
    /// # use waygate::{Waygate, flags::Segment};
    /// # let waygate = Waygate::builder().build().await?;
    /// let beta = Segment::parse(&json!({"key": "beta", "name": "Beta testers", "included": ["user-1"]}))?;
    /// let preview = waygate.flags().preview_segment(&beta)?;
    /// assert_eq!(preview.flags().count(), 0, "there are no flags");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`FlagError::Invalid`] with all problems of the definition.
    pub fn preview_segment(&self, definition: &Segment) -> Result<SegmentPreview, FlagError> {
        let segment = self.checked::<kinds::Segments>(&definition.key, definition)?;
        let mut next = self.set().clone();
        let (compiled, _) = CompiledSegment::compile(Arc::new(segment), self.compile_options());
        next.insert_segment(Arc::new(compiled));
        Ok(SegmentPreview {
            current: self.clone(),
            next,
        })
    }

    fn checked<K: Definition>(
        &self,
        key: &K::Key,
        definition: &K::Body,
    ) -> Result<K::Body, FlagError>
    where
        Records: Holds<K>,
    {
        let refused = |problems| invalid::<K>(key, problems);
        let body = K::read(&json(definition)).map_err(refused)?;
        K::check(&body, &Checks::of(self.records())).map_err(refused)?;
        Ok(body)
    }
}

impl FlagPreview {
    /// Evaluates the flag as it is; `None` if there is no such flag yet. Counts nothing.
    pub fn current<C: Context + ?Sized>(&self, context: &C) -> Option<Resolution<'_>> {
        self.result(self.current.set(), context)
    }

    /// Evaluates the flag as it would be. Counts nothing.
    pub fn next<C: Context + ?Sized>(&self, context: &C) -> Option<Resolution<'_>> {
        self.result(&self.next, context)
    }

    fn result<'s, C: Context + ?Sized>(
        &'s self,
        set: &'s FlagSet,
        context: &C,
    ) -> Option<Resolution<'s>> {
        let flag = set.flag(self.key.as_str())?;
        Some(set.preview_flag(flag, context, self.current.clock()))
    }
}

/// Evaluates flags as they are, and as they would be with another definition of a segment. See
/// [`Flags::preview_segment`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use serde_json::json;
/// use waygate::{Waygate, flags::{EvaluationContext, Flag, Segment}};
///
/// let mut beta = Segment::parse(&json!({"key": "beta", "name": "Beta testers"}))?;
/// let search = Flag::parse(&json!({
///     "key": "search", "name": "New search", "type": "boolean",
///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
///     "off_variation": "off", "fallthrough": "off",
///     "rules": [{
///         "clauses": [{"attribute": "key", "operator": "in_segment", "values": ["beta"]}], "variation": "on",
///     }],
/// }))?;
/// let builder = Waygate::builder().seed_segments([beta.clone()]).seed_flags([search]);
/// let waygate = builder.build().await?;
///
/// beta.included.push("user-1".to_owned());
/// let preview = waygate.flags().preview_segment(&beta)?;
/// let user = EvaluationContext::new("user-1");
/// for flag in preview.flags() {
///     let (now, then) = (preview.current(flag, &user), preview.next(flag, &user));
///     assert_eq!(now.and_then(|now| now.variation()), Some("off"));
///     assert_eq!(then.and_then(|then| then.variation()), Some("on"));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SegmentPreview {
    current: Flags,
    next: FlagSet,
}

impl SegmentPreview {
    /// Returns the keys of all flags, in no order.
    pub fn flags(&self) -> impl Iterator<Item = &FlagKey> {
        self.next.flags().map(|flag| &flag.definition().key)
    }

    /// Evaluates a flag as it is; `None` if there is no such flag. Counts nothing.
    pub fn current<C: Context + ?Sized>(
        &self,
        flag: &FlagKey,
        context: &C,
    ) -> Option<Resolution<'_>> {
        self.result(self.current.set(), flag, context)
    }

    /// Evaluates a flag as it would be. Counts nothing.
    pub fn next<C: Context + ?Sized>(&self, flag: &FlagKey, context: &C) -> Option<Resolution<'_>> {
        self.result(&self.next, flag, context)
    }

    fn result<'s, C: Context + ?Sized>(
        &'s self,
        set: &'s FlagSet,
        flag: &FlagKey,
        context: &C,
    ) -> Option<Resolution<'s>> {
        let flag = set.flag(flag.as_str())?;
        Some(set.preview_flag(flag, context, self.current.clock()))
    }
}
