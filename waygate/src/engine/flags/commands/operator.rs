use serde_json::Value;
use waygate_core::flag::{Flag, Segment};

use super::{
    change::{FlagChange, FlagDeletion, Write},
    definition::Definition,
};
use crate::engine::{
    ChangeError, Operator,
    flags::{FlagRecord, SegmentRecord},
    kinds::{Flags, Records, Segments},
    store::Holds,
};

impl Operator {
    /// Adds a flag. Sets its author and its times. Returns the stored flag.
    ///
    /// The commands on flags and segments:
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use serde_json::json;
    /// use waygate::{Waygate, flags::{Flag, Segment}};
    ///
    /// # let waygate = Waygate::builder().build().await?;
    /// let system = waygate.system();
    /// let beta = Segment::parse(&json!({"key": "beta", "name": "Beta testers", "included": ["user-1"]}))?;
    /// let search = Flag::parse(&json!({
    ///     "key": "search", "name": "New search", "type": "boolean",
    ///     "variations": [{"name": "on", "value": true}, {"name": "off", "value": false}],
    ///     "off_variation": "off", "fallthrough": "off",
    ///     "rules": [{
    ///         "clauses": [{"attribute": "key", "operator": "in_segment", "values": ["beta"]}], "variation": "on",
    ///     }],
    /// }))?;
    /// system.create_segment(beta.clone()).await?;
    /// system.create_flag(search.clone()).await?;
    ///
    /// system.disable_flag("search").await?;
    /// system.enable_flag("search").await?;
    /// let half = json!([{"variation": "on", "weight": 50_000}, {"variation": "off", "weight": 50_000}]);
    /// let record = system.patch_flag("search", json!({"fallthrough": half})).await?;
    /// // Fails if another operator has changed the flag since.
    /// system.if_revision(record.revision.number).set_flag(search).await?;
    ///
    /// let system = waygate.system();
    /// system.set_segment(beta).await?;
    /// assert!(system.delete_segment("beta").await.is_err(), "`search` uses it");
    /// system.delete_flag("search").await?;
    /// system.delete_segment("beta").await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed: [`FlagError::Exists`](crate::flags::FlagError::Exists) if there is a flag
    /// of this key, and [`FlagError::Invalid`](crate::flags::FlagError::Invalid) with all problems of the definition.
    pub async fn create_flag(&self, flag: Flag) -> Result<FlagRecord, ChangeError> {
        self.put_flag(flag, Write::Create)
            .await
            .map(|(record, _)| record)
    }

    /// Adds or replaces a flag. Returns the stored flag, and `true` if it was added.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn set_flag(&self, flag: Flag) -> Result<(FlagRecord, bool), ChangeError> {
        self.put_flag(flag, Write::Set).await
    }

    /// Replaces members of a flag, each as a whole: those of the JSON object `members`. Ignores `key` and `type`, which
    /// stay. Returns the updated flag.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn patch_flag(&self, key: &str, members: Value) -> Result<FlagRecord, ChangeError> {
        self.write_flag(key, Write::Patch(members)).await
    }

    /// Enables a flag: its targets, rules and rollouts apply. Returns the updated flag.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn enable_flag(&self, key: &str) -> Result<FlagRecord, ChangeError> {
        self.write_flag(key, Write::Switch(true)).await
    }

    /// Disables a flag: everyone gets its off variation. Returns the updated flag.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn disable_flag(&self, key: &str) -> Result<FlagRecord, ChangeError> {
        self.write_flag(key, Write::Switch(false)).await
    }

    /// Deletes a flag.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed: [`FlagError::NotFound`](crate::flags::FlagError::NotFound), and
    /// [`FlagError::Invalid`](crate::flags::FlagError::Invalid) with the flags that need it as a prerequisite.
    pub async fn delete_flag(&self, key: &str) -> Result<(), ChangeError> {
        self.delete::<Flags>(key).await
    }

    /// Adds a segment. Sets its times. Returns the stored segment.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn create_segment(&self, segment: Segment) -> Result<SegmentRecord, ChangeError> {
        self.put_segment(segment, Write::Create)
            .await
            .map(|(record, _)| record)
    }

    /// Adds or replaces a segment. Returns the stored segment, and `true` if it was added.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn set_segment(
        &self,
        segment: Segment,
    ) -> Result<(SegmentRecord, bool), ChangeError> {
        self.put_segment(segment, Write::Set).await
    }

    /// Replaces members of a segment, each as a whole: those of the JSON object `members`. Ignores `key`, which stays.
    /// Returns the updated segment.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use serde_json::json;
    /// # use waygate::{Waygate, flags::Segment};
    /// # let waygate = Waygate::builder().build().await?;
    /// # let beta = Segment::parse(&json!({"key": "beta", "name": "Beta testers", "included": ["user-1"]}))?;
    /// # let system = waygate.system();
    /// # system.create_segment(beta).await?;
    /// let members = json!({"included": ["user-1", "user-2"]});
    /// let record = system.patch_segment("beta", members).await?;
    /// assert_eq!(record.segment.name, "Beta testers");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed.
    pub async fn patch_segment(
        &self,
        key: &str,
        members: Value,
    ) -> Result<SegmentRecord, ChangeError> {
        let (key, write) = (key.parse()?, Write::Patch(members));
        let written = self.make(FlagChange::<Segments> { key, write }).await?;
        Ok(SegmentRecord::new(written.body, written.revision))
    }

    /// Deletes a segment.
    ///
    /// # Errors
    /// Returns a [`ChangeError`] on failure, in which case nothing is changed: [`FlagError::NotFound`](crate::flags::FlagError::NotFound), and
    /// [`FlagError::Invalid`](crate::flags::FlagError::Invalid) with the flags and segments that use it.
    pub async fn delete_segment(&self, key: &str) -> Result<(), ChangeError> {
        self.delete::<Segments>(key).await
    }

    async fn put_flag(
        &self,
        flag: Flag,
        write: fn(Flag) -> Write<Flag>,
    ) -> Result<(FlagRecord, bool), ChangeError> {
        let key = flag.key.clone();
        let write = write(flag);
        let written = self.make(FlagChange::<Flags> { key, write }).await?;
        Ok((
            FlagRecord::new(written.body, written.revision),
            written.created,
        ))
    }

    async fn put_segment(
        &self,
        segment: Segment,
        write: fn(Segment) -> Write<Segment>,
    ) -> Result<(SegmentRecord, bool), ChangeError> {
        let key = segment.key.clone();
        let write = write(segment);
        let written = self.make(FlagChange::<Segments> { key, write }).await?;
        Ok((
            SegmentRecord::new(written.body, written.revision),
            written.created,
        ))
    }

    pub(super) async fn write_flag(
        &self,
        key: &str,
        write: Write<Flag>,
    ) -> Result<FlagRecord, ChangeError> {
        let key = key.parse()?;
        let written = self.make(FlagChange::<Flags> { key, write }).await?;
        Ok(FlagRecord::new(written.body, written.revision))
    }

    async fn delete<K: Definition>(&self, key: &str) -> Result<(), ChangeError>
    where
        Records: Holds<K>,
    {
        let key = key.parse()?;
        self.make(FlagDeletion::<K> { key }).await
    }
}
