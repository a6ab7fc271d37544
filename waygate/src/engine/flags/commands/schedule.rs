//! Commands on scheduled changes and progressive rollouts.

use serde::Serialize;
use waygate_core::{
    Timestamp,
    flag::{Flag, FlagKey, Progressive, ScheduledChange},
};

use super::change::Write;
use crate::engine::{
    ChangeError, Operator,
    flags::{FlagError, FlagRecord, Flags},
};

/// A scheduled change and its flag.
///
/// ```
/// use waygate::flags::ScheduledFlagChange;
///
/// fn line(scheduled: &ScheduledFlagChange) -> String {
///     format!("{}: {} of {}", scheduled.change.execute_at, scheduled.change.action, scheduled.flag)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ScheduledFlagChange {
    /// The key of the flag.
    pub flag: FlagKey,
    /// The change.
    #[serde(flatten)]
    pub change: ScheduledChange,
}

impl Operator {
    /// Schedules a change of a flag: any patch, or one of the other [actions](crate::flags::ChangeAction). Sets its
    /// author and the time of its creation. Returns the updated flag.
    ///
    /// One of the processes makes the change when it is due, or as soon as one runs. Changes that were missed are made
    /// once, in the order of their times. A change that no longer applies is dropped, with an audit line and a warning.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use serde_json::json;
    /// use waygate::{Waygate, flags::{ChangeAction, Flag, ScheduledChange}};
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// let flag = Flag::parse(&json!({
    ///     "key": "search", "name": "New search", "type": "boolean",
    ///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    ///     "off_variation": "off", "fallthrough": "off",
    /// }))?;
    /// let system = waygate.system();
    /// system.create_flag(flag).await?;
    /// let launch = ScheduledChange::new(
    ///     "2930-01-01T04:00:00Z".parse()?,
    ///     ChangeAction::UpdateRollout,
    ///     json!({"variation": "on"}),
    /// );
    /// let id = launch.id.clone();
    /// system.schedule_flag_change("search", launch).await?;
    /// assert_eq!(waygate.flags().scheduled_changes()[0].change.id, id);
    /// system.cancel_flag_change("search", &id).await?;
    /// assert!(waygate.flags().scheduled_changes().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed: [`FlagError::Invalid`] if the flag would
    /// be invalid after the change, or has a change with its id.
    pub async fn schedule_flag_change(
        &self,
        key: &str,
        change: ScheduledChange,
    ) -> Result<FlagRecord, ChangeError> {
        self.edit_flag(key, move |flag, _| {
            let mut next = flag.clone();
            next.scheduled_changes.push(change.clone());
            Ok(Some(next))
        })
        .await
    }

    /// Cancels a scheduled change of a flag. Returns the updated flag.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed: [`FlagError::NoSuchChange`] if the
    /// change was made, dropped or cancelled before.
    pub async fn cancel_flag_change(&self, key: &str, id: &str) -> Result<FlagRecord, ChangeError> {
        let id = id.to_owned();
        self.edit_flag(key, move |flag, _| {
            let mut next = flag.clone();
            next.scheduled_changes.retain(|change| change.id != id);
            if next.scheduled_changes.len() == flag.scheduled_changes.len() {
                let (key, id) = (flag.key.to_string(), id.clone());
                return Err(FlagError::NoSuchChange { key, id });
            }
            Ok(Some(next))
        })
        .await
    }

    /// Stops the growth of a flag's progressive rollout. Changes nothing if it is stopped. Returns the flag.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use serde_json::json;
    /// use waygate::{Waygate, flags::Flag};
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// let flag = Flag::parse(&json!({
    ///     "key": "search", "name": "New search", "type": "boolean",
    ///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    ///     "off_variation": "off", "fallthrough": "off",
    ///     "progressive": {
    ///         "variation": "on", "baseline": "off", "start": "2030-01-01T00:00:00Z",
    ///         "stages": [{"after_seconds": 0, "weight": 1000}, {"after_seconds": 3600, "weight": 100000}],
    ///     },
    /// }))?;
    /// let system = waygate.system();
    /// system.create_flag(flag).await?;
    /// let held = system.hold_flag_rollout("search").await?;
    /// assert_eq!(held.flag.progressive.as_ref().map(|rollout| rollout.holds.len()), Some(1));
    /// system.resume_flag_rollout("search").await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed: [`FlagError::NotProgressive`] if the
    /// flag has no progressive rollout.
    pub async fn hold_flag_rollout(&self, key: &str) -> Result<FlagRecord, ChangeError> {
        self.edit_progressive(key, |rollout, now| rollout.hold(now))
            .await
    }

    /// Continues a flag's progressive rollout at the weight at which it was stopped. Changes nothing if it grows.
    /// Returns the flag.
    ///
    /// # Errors
    /// See [`hold_flag_rollout`](Self::hold_flag_rollout).
    pub async fn resume_flag_rollout(&self, key: &str) -> Result<FlagRecord, ChangeError> {
        self.edit_progressive(key, |rollout, now| rollout.resume(now))
            .await
    }

    async fn edit_progressive(
        &self,
        key: &str,
        edit: fn(&mut Progressive, Timestamp) -> bool,
    ) -> Result<FlagRecord, ChangeError> {
        self.edit_flag(key, move |flag, now| {
            let mut next = flag.clone();
            match &mut next.progressive {
                Some(rollout) => Ok(edit(rollout, now).then_some(next)),
                None => Err(FlagError::NotProgressive {
                    key: flag.key.to_string(),
                }),
            }
        })
        .await
    }

    async fn edit_flag(
        &self,
        key: &str,
        edit: impl Fn(&Flag, Timestamp) -> Result<Option<Flag>, FlagError> + Send + Sync + 'static,
    ) -> Result<FlagRecord, ChangeError> {
        self.write_flag(key, Write::Edit(Box::new(edit))).await
    }
}

impl Flags {
    /// Returns the scheduled changes of all flags, in the order of their times.
    pub fn scheduled_changes(&self) -> Vec<ScheduledFlagChange> {
        let records = &self.snapshot().records;
        let flags = self.snapshot().flag_notes.scheduled.keys();
        let flags = flags.filter_map(|key| records.flags.get(key));
        let changes = flags.flat_map(|flag| {
            let changes = flag.value.scheduled_changes.iter();
            changes.map(|change| ScheduledFlagChange {
                flag: flag.value.key.clone(),
                change: change.clone(),
            })
        });
        let mut changes: Vec<_> = changes.collect();
        changes.sort_by_key(|scheduled| scheduled.change.execute_at);
        changes
    }
}
