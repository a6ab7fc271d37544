//! Sets and deletes the records of every kind that is a [`Setting`].

use std::marker::PhantomData;

use waygate_core::{
    grammar::PolicyName,
    model::{Action, Revision},
    port::Expected,
};

use super::{
    ChangeError, Operator,
    kinds::Records,
    store::{Holds, Setting, json},
    tx::{Attempt, Change, Tx},
};

/// A change of one setting: to this value, or (`None`) its deletion. Results in `None` if there was nothing to delete.
struct SettingChange<K: Setting> {
    key: PolicyName,
    value: Option<K::Value>,
    kind: PhantomData<K>,
}

impl<K: Setting> SettingChange<K> {
    fn name(&self) -> &'static str {
        K::NAMES.first().copied().unwrap_or_default()
    }
}

impl<K: Setting> Change for SettingChange<K>
where
    Records: Holds<K>,
{
    type Done = Option<Revision>;

    fn subject(&self) -> String {
        K::entity(&self.key).to_string()
    }

    async fn attempt(&self, mut tx: Tx<'_>) -> Result<Option<Revision>, Attempt> {
        let records = Holds::<K>::collection(&tx.stored.records);
        let previous = records.get(&self.key).map(|known| json(&known.value));
        let number = records.get(&self.key).map(|known| known.revision);
        tx.check(&self.subject(), number)?;
        let word = match &self.value {
            Some(value) => {
                tx.put::<K>(&self.key, value);
                "set"
            }
            None if tx.stored.expected::<K>(&self.key) == Expected::Absent => {
                tx.confirm::<K>(&self.key).await?;
                return Ok(None);
            }
            None => {
                tx.delete::<K>(&self.key);
                "deleted"
            }
        };
        let name = self.name();
        let action = Action::from(&*format!("{name}_{word}"));
        let mut entry = tx.line(action, &format!("{name}:{}", self.key));
        entry.previous = previous;
        entry.new = self.value.as_ref().map(json);
        tx.audit(entry);
        Ok(Some(tx.commit().await?))
    }
}

impl Operator {
    /// Sets a setting, or (`None`) deletes it. Returns `None` if there was nothing to delete.
    pub(crate) async fn change_setting<K: Setting>(
        &self,
        key: PolicyName,
        value: Option<K::Value>,
    ) -> Result<Option<Revision>, ChangeError>
    where
        Records: Holds<K>,
    {
        let kind = PhantomData::<K>;
        self.make(SettingChange { key, value, kind }).await
    }
}
