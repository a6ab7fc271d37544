use std::sync::Arc;

use waygate_core::flag::{
    CompiledFlag, Context, Flag, FlagKey, FlagSet, Problems, Resolution, check_flag,
};

use crate::engine::flags::{FlagError, Flags};
use crate::engine::store::json;

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
    /// Returns [`FlagError::Invalid`] with all mistakes of the definition.
    pub fn preview(&self, definition: &Flag) -> Result<FlagPreview, FlagError> {
        let invalid = |problems: Problems| FlagError::Invalid {
            kind: "flag",
            key: definition.key.to_string(),
            problems,
        };
        let flag = Flag::parse(&json(definition)).map_err(invalid)?;
        check_flag(&flag, self.records()).map_err(invalid)?;
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
