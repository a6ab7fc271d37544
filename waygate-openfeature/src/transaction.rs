use std::{cell::RefCell, sync::Arc};

use waygate_core::flag::EvaluationContext;

/// Keeps the context of the current transaction, such as a request, for all evaluations in it.
///
/// ```
/// use waygate_core::flag::EvaluationContext;
/// use waygate_openfeature::{ThreadContext, isolated};
///
/// let api = isolated::new();
/// api.set_transaction_context_propagator(ThreadContext::default());
/// api.set_transaction_context(EvaluationContext::new("user-1"));
/// ```
///
/// One of an application:
///
/// ```
/// use std::sync::{Arc, OnceLock};
///
/// use waygate_core::flag::EvaluationContext;
/// use waygate_openfeature::TransactionContextPropagator;
///
/// /// A program that has one transaction.
/// #[derive(Default)]
/// struct Once(OnceLock<Arc<EvaluationContext>>);
///
/// impl TransactionContextPropagator for Once {
///     fn set(&self, context: EvaluationContext) {
///         let _ = self.0.set(Arc::new(context));
///     }
///
///     fn get(&self) -> Option<Arc<EvaluationContext>> {
///         self.0.get().cloned()
///     }
/// }
/// ```
pub trait TransactionContextPropagator: Send + Sync + 'static {
    /// Sets the context of the current transaction.
    fn set(&self, context: EvaluationContext);

    /// Returns the context of the current transaction.
    fn get(&self) -> Option<Arc<EvaluationContext>>;
}

thread_local! {
    static OF_THREAD: RefCell<Option<Arc<EvaluationContext>>> = const { RefCell::new(None) };
}

/// Keeps one context for each thread, for programs with a thread for each transaction. It stays until the next is set.
///
/// ```
/// use waygate_core::flag::EvaluationContext;
/// use waygate_openfeature::{ThreadContext, TransactionContextPropagator};
///
/// let propagator = ThreadContext::default();
/// propagator.set(EvaluationContext::new("user-1"));
/// assert!(propagator.get().is_some());
/// std::thread::spawn(move || assert!(propagator.get().is_none())).join().unwrap();
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct ThreadContext;

impl TransactionContextPropagator for ThreadContext {
    fn set(&self, context: EvaluationContext) {
        OF_THREAD.set(Some(Arc::new(context)));
    }

    fn get(&self) -> Option<Arc<EvaluationContext>> {
        OF_THREAD.with_borrow(Clone::clone)
    }
}

#[cfg(feature = "tokio")]
tokio::task_local! {
    static OF_TASK: RefCell<Arc<EvaluationContext>>;
}

/// Keeps the context of a future, wherever its task runs. A task that it spawns has none, unless it is wrapped, too.
///
/// ```
/// use waygate_core::flag::EvaluationContext;
/// use waygate_openfeature::{TaskContext, TransactionContextPropagator, isolated};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let api = isolated::new();
/// api.set_transaction_context_propagator(TaskContext::default());
/// let request = async {
///     let propagator = TaskContext::default();
///     assert_eq!(propagator.get().unwrap().targeting_key(), Some("user-1"));
///     propagator.set(EvaluationContext::new("user-2"));
///     assert_eq!(propagator.get().unwrap().targeting_key(), Some("user-2"));
/// };
/// TaskContext::scope(EvaluationContext::new("user-1"), request).await;
/// # });
/// ```
#[cfg(feature = "tokio")]
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct TaskContext;

#[cfg(feature = "tokio")]
impl TaskContext {
    /// Runs a future with a context.
    pub async fn scope<F: Future>(context: EvaluationContext, future: F) -> F::Output {
        OF_TASK.scope(RefCell::new(Arc::new(context)), future).await
    }
}

#[cfg(feature = "tokio")]
impl TransactionContextPropagator for TaskContext {
    /// Sets the context of the innermost scope. Outside of any, it is dropped.
    fn set(&self, context: EvaluationContext) {
        // Outside of a scope there is no transaction.
        let _ = OF_TASK.try_with(|current| current.replace(Arc::new(context)));
    }

    fn get(&self) -> Option<Arc<EvaluationContext>> {
        let current = OF_TASK.try_with(|current| current.borrow().clone());
        current.ok()
    }
}
