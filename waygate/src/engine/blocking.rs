use std::{future::Future, sync::mpsc};

use waygate_core::{
    Timestamp,
    grammar::Interval,
    model::{
        Access, AuditEntry, Deprecation, GlobalMaintenance, Origin, Revision, WindowId,
    },
    port::{AuditQuery, BackendError},
};

use super::{ChangeError, Operator, RouteRecord, Waygate};

/// The engine for threads that run no async code: worker threads, `spawn_blocking`, FFI.
///
/// Calls wait for the runtime in which the engine was built. Never call them from async code: a
/// runtime with one thread would wait for itself.
#[derive(Debug, Clone)]
pub struct Blocking {
    waygate: Waygate,
}

impl Blocking {
    pub(crate) fn new(waygate: Waygate) -> Self {
        Self { waygate }
    }

    /// Acts as somebody.
    pub fn operator(&self, origin: Origin) -> BlockingOperator {
        BlockingOperator { waygate: self.waygate.clone(), operator: self.waygate.operator(origin) }
    }

    /// Acts as the program itself.
    pub fn system(&self) -> BlockingOperator {
        self.operator(Origin::system())
    }

    /// See [`Waygate::audit`].
    ///
    /// # Errors
    /// [`BackendError`] when the store cannot be read.
    pub fn audit(&self, query: AuditQuery) -> Result<Vec<AuditEntry>, BackendError> {
        let waygate = self.waygate.clone();
        wait(&self.waygate, async move { waygate.audit(query).await })
            .unwrap_or_else(|| Err(BackendError::Unavailable(SHUT_DOWN.to_owned())))
    }
}

const SHUT_DOWN: &str = "the runtime of the engine has shut down";

/// Runs a future on the engine's runtime; `None` when that has shut down.
fn wait<T: Send + 'static>(
    waygate: &Waygate,
    future: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    waygate.inner.runtime.spawn(async move {
        // Nobody waits any more when the receiver is gone.
        let _ = sender.send(future.await);
    });
    receiver.recv().ok()
}

/// An [`Operator`] whose methods wait.
#[derive(Debug, Clone)]
pub struct BlockingOperator {
    waygate: Waygate,
    operator: Operator,
}

macro_rules! waiting {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) -> $output:ty;)+) => {
        impl BlockingOperator {
            /// See [`Operator::if_revision`].
            #[must_use]
            pub fn if_revision(self, number: u64) -> Self {
                Self { operator: self.operator.if_revision(number), ..self }
            }

            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`ChangeError`]; nothing was changed then.
                pub fn $name(&self, $($arg: $type),*) -> Result<$output, ChangeError> {
                    let operator = self.operator.clone();
                    $(let $arg = waiting!(@own $arg: $type);)*
                    wait(&self.waygate, async move {
                        operator.$name($(waiting!(@lend $arg: $type)),*).await
                    })
                    .unwrap_or_else(|| Err(BackendError::Unavailable(SHUT_DOWN.to_owned()).into()))
                }
            )+
        }
    };
    (@own $arg:ident: &str) => { $arg.to_owned() };
    (@own $arg:ident: &[&str]) => { $arg.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>() };
    (@own $arg:ident: $type:ty) => { $arg };
    (@lend $arg:ident: &str) => { &$arg };
    (@lend $arg:ident: &[&str]) => { &$arg.iter().map(String::as_str).collect::<Vec<_>>() };
    (@lend $arg:ident: $type:ty) => { $arg };
}

waiting! {
    /// See [`Operator::enable`].
    enable(key: &str, reason: &str) -> RouteRecord;
    /// See [`Operator::disable`].
    disable(key: &str, reason: &str) -> RouteRecord;
    /// See [`Operator::disable_until`].
    disable_until(key: &str, until: Timestamp, reason: &str) -> RouteRecord;
    /// See [`Operator::set_maintenance`].
    set_maintenance(key: &str, reason: &str) -> RouteRecord;
    /// See [`Operator::schedule`].
    schedule(key: &str, interval: Interval, reason: &str) -> RouteRecord;
    /// See [`Operator::cancel_schedule`].
    cancel_schedule(key: &str, window: Option<WindowId>) -> RouteRecord;
    /// See [`Operator::set_env_only`].
    set_env_only(key: &str, envs: &[&str]) -> RouteRecord;
    /// See [`Operator::deprecate`].
    deprecate(key: &str, deprecation: Option<Deprecation>) -> RouteRecord;
    /// See [`Operator::set_access`].
    set_access(key: &str, access: Access) -> RouteRecord;
    /// See [`Operator::reset`].
    reset(key: &str) -> RouteRecord;
    /// See [`Operator::purge`].
    purge(key: &str) -> ();
    /// See [`Operator::enable_global_maintenance`].
    enable_global_maintenance(config: GlobalMaintenance) -> (GlobalMaintenance, Revision);
    /// See [`Operator::disable_global_maintenance`].
    disable_global_maintenance() -> (GlobalMaintenance, Revision);
    /// See [`Operator::set_global_exempt_paths`].
    set_global_exempt_paths(paths: &[&str]) -> (GlobalMaintenance, Revision);
}
