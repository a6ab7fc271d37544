use waygate_core::flag::{CompileOptions, Context, EvaluationContext};

use jiff::Timestamp;

use super::WaygateBuilder;
use crate::engine::{
    BuildError, FlagFinding, FlagMismatch,
    flags::{ContextSource, FlagRequest, usage},
    health::Monitor,
    snapshot::Snapshot,
};

/// Feature flags.
impl WaygateBuilder {
    /// Sets the hash and the operators of flags that do not name their own. Default: those of Waygate. An engine that
    /// replaces Python Waygate takes [`CompileOptions::python`], so that no context changes its variation.
    ///
    /// ```
    /// use waygate::{Waygate, flags::CompileOptions};
    ///
    /// let builder = Waygate::builder().flag_options(CompileOptions::python());
    /// ```
    pub fn flag_options(mut self, options: CompileOptions) -> Self {
        self.flag_options = options;
        self
    }

    /// Sets the type of callers in the extensions of requests that is their context, usually with
    /// `#[derive(FlagContext)]`. Insert a value where you authenticate, in a layer around the guarded router: gates do
    /// not see a value that a layer inside of it inserts. Requests without one are anonymous. Replaces [`flag_context`](Self::flag_context).
    ///
    /// ```
    /// use waygate::{FlagContext, Waygate};
    ///
    /// #[derive(Clone, FlagContext)]
    /// struct Account {
    ///     #[flag(key)]
    ///     id: String,
    ///     #[flag(attribute)]
    ///     plan: String,
    /// }
    ///
    /// let builder = Waygate::builder().flag_principal::<Account>();
    /// ```
    pub fn flag_principal<P: Context + Clone + Send + Sync + 'static>(mut self) -> Self {
        self.flag_contexts = ContextSource::principal::<P>();
        self
    }

    /// Sets the function that returns the context of a request, for applications without a type of callers. Called at
    /// most once for each request that needs its context. Replaces [`flag_principal`](Self::flag_principal).
    ///
    /// ```
    /// use waygate::{Waygate, flags::EvaluationContext};
    ///
    /// let builder = Waygate::builder().flag_context(|request| {
    ///     let user = request.headers.get("x-user").and_then(|user| user.to_str().ok());
    ///     user.map_or_else(EvaluationContext::anonymous, EvaluationContext::new)
    /// });
    /// ```
    pub fn flag_context(
        mut self,
        context: impl Fn(&FlagRequest<'_>) -> EvaluationContext + Send + Sync + 'static,
    ) -> Self {
        self.flag_contexts = ContextSource::Function(std::sync::Arc::new(context));
        self
    }

    /// Lets `build` fail on these differences between the flags in the code and the stored ones, for a test in CI. The
    /// [report](crate::Waygate::report) names them in any case. While the store cannot be read, no flag counts as not
    /// stored.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use waygate::{Waygate, flags::FlagMismatch};
    ///
    /// waygate::flags! {
    ///     /// The old checkout.
    ///     pub OLD_CHECKOUT: bool = false { expires = "2020-01-01" }
    /// }
    ///
    /// let refused = Waygate::builder().deny_flags([FlagMismatch::Expired]).build().await.unwrap_err();
    /// assert!(refused.to_string().contains("flag `old-checkout`: it expired on 2020-01-01"), "{refused}");
    /// # let _ = OLD_CHECKOUT;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn deny_flags(mut self, denied: impl IntoIterator<Item = FlagMismatch>) -> Self {
        self.denied_flags.extend(denied);
        self
    }

    pub(super) fn check_flags(
        &self,
        snapshot: &Snapshot,
        monitor: &Monitor,
        now: Timestamp,
    ) -> Result<(), BuildError> {
        if self.denied_flags.is_empty() {
            return Ok(());
        }
        let is_read = monitor.store_read_fault().is_none();
        let is_denied = |finding: &FlagFinding| {
            self.denied_flags.contains(&finding.kind)
                && (is_read || finding.kind != FlagMismatch::NotStored)
        };
        let mut findings = usage::mismatches(snapshot, now);
        findings.retain(is_denied);
        match findings.is_empty() {
            true => Ok(()),
            false => Err(BuildError::Flags(findings)),
        }
    }
}
