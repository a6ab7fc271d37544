use serde::Serialize;
use waygate_core::model::RouteKey;

use super::{
    arm::{Arm, Canary},
    facts::ArmRecord,
};
use crate::engine::{
    Waygate,
    traffic::{MINUTES, minute_of},
};

/// A route with two handlers, and the facts about each since the start of the process.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let waygate = waygate::Waygate::builder().build().await?;
/// for canary in waygate.canaries() {
///     let share = canary.candidate.failed as f64 / canary.candidate.completed as f64;
///     println!("{}: {} fails {share} of its requests", canary.route, canary.candidate_handler);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CanaryRecord {
    /// The route.
    pub route: RouteKey,
    /// The key of the flag that selects the candidate.
    pub flag: &'static str,
    /// The path of the candidate's function.
    pub candidate_handler: &'static str,
    /// The stable handler, as the attribute names it.
    pub stable_handler: &'static str,
    /// The facts about the stable handler.
    pub stable: ArmRecord,
    /// The facts about the candidate.
    pub candidate: ArmRecord,
}

impl CanaryRecord {
    fn new(route: &RouteKey, canary: &Canary, of: impl Fn(Arm) -> ArmRecord) -> Self {
        Self {
            route: route.clone(),
            flag: canary.flag.key(),
            candidate_handler: canary.candidate,
            stable_handler: canary.stable,
            stable: of(Arm::Stable),
            candidate: of(Arm::Candidate),
        }
    }
}

impl Waygate {
    /// Returns the routes with a `#[canary]`, by path and method, with the facts about both handlers.
    pub fn canaries(&self) -> Vec<CanaryRecord> {
        self.canaries_with(|canary, arm| canary.record_of(arm))
    }

    /// Returns the routes with a `#[canary]` with the facts of the last minutes, 1 to 60 with the current one. Without
    /// [counts of requests](crate::WaygateBuilder::count_requests), these are all since the start of the process.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let waygate = waygate::Waygate::builder().build().await?;
    /// for canary in waygate.recent_canaries(10) {
    ///     println!("{}: {} requests of the candidate", canary.route, canary.candidate.started);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recent_canaries(&self, minutes: usize) -> Vec<CanaryRecord> {
        let now = minute_of(self.inner.clock.now());
        let first = now + 1 - minutes.clamp(1, MINUTES) as i64;
        self.canaries_with(|canary, arm| canary.record_since(arm, first, now))
    }

    fn canaries_with(&self, of: impl Fn(&Canary, Arm) -> ArmRecord) -> Vec<CanaryRecord> {
        let snapshot = self.inner.snapshot.load();
        let routes = snapshot.table.registered();
        let canaries = routes.filter_map(|route| {
            let canary = route.canary.as_deref()?;
            Some(CanaryRecord::new(&route.key, canary, |arm| of(canary, arm)))
        });
        let mut canaries: Vec<_> = canaries.collect();
        canaries.sort_by(|one, other| one.route.cmp(&other.route));
        canaries
    }
}
