//! The values of flags in a task of a test.

use std::{any::Any, sync::Arc};

use crate::engine::flags::DeclaredFlag;

tokio::task_local! {
    static OVERRIDDEN: Arc<Overrides>;
}

/// The values of flags in a task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides(Vec<(&'static DeclaredFlag, Arc<dyn Any + Send + Sync>)>);

impl Overrides {
    /// The values that the current task has set.
    pub(crate) fn current() -> Option<Arc<Self>> {
        OVERRIDDEN.try_with(Arc::clone).ok()
    }

    /// Returns the value of a flag, if it is of this type.
    pub(crate) fn get<T: 'static>(&self, flag: &'static DeclaredFlag) -> Option<&T> {
        let of_flag = |(declared, _): &&(&DeclaredFlag, _)| std::ptr::eq(*declared, flag);
        let (_, value) = self.0.iter().rfind(of_flag)?;
        value.downcast_ref()
    }

    /// Runs a future with one more value.
    pub(crate) async fn with<T: Send + Sync + 'static, R>(
        flag: &'static DeclaredFlag,
        value: T,
        future: impl Future<Output = R>,
    ) -> R {
        let around = Self::current();
        let mut all = around.map_or_else(Self::default, |around| Self::clone(&around));
        all.0.push((flag, Arc::new(value)));
        OVERRIDDEN.scope(Arc::new(all), future).await
    }
}
