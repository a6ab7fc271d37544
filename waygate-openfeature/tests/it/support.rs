//! A provider under observation.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
    time::Duration,
};

use waygate_core::{
    flag::{EvaluationContext, MergedContext},
    port::BoxFuture,
};
use waygate_openfeature::{
    EvaluationError, EventEmitter, FlagRequest, Hook, InMemoryFlag, InMemoryProvider, OpenFeature,
    Provider, ProviderMetadata, Resolution, Setup, TrackingDetails, isolated,
};

/// The events of a test, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

type Initialize = dyn Fn(Setup) -> BoxFuture<'static, Result<(), EvaluationError>> + Send + Sync;
type Resolve = dyn Fn(&FlagRequest<'_>) -> Result<Resolution<bool>, EvaluationError> + Send + Sync;

/// The functions of a provider that returns the default for all types but booleans.
macro_rules! defaults {
    () => {
        fn resolve_integer(
            &self,
            _: &::waygate_openfeature::FlagRequest<'_>,
            default: i64,
        ) -> Result<::waygate_openfeature::Resolution<i64>, ::waygate_openfeature::EvaluationError>
        {
            Ok(::waygate_openfeature::Resolution::new(default))
        }

        fn resolve_float(
            &self,
            _: &::waygate_openfeature::FlagRequest<'_>,
            default: f64,
        ) -> Result<::waygate_openfeature::Resolution<f64>, ::waygate_openfeature::EvaluationError>
        {
            Ok(::waygate_openfeature::Resolution::new(default))
        }

        fn resolve_string(
            &self,
            _: &::waygate_openfeature::FlagRequest<'_>,
            default: &str,
        ) -> Result<
            ::waygate_openfeature::Resolution<::std::sync::Arc<str>>,
            ::waygate_openfeature::EvaluationError,
        > {
            Ok(::waygate_openfeature::Resolution::new(default.into()))
        }

        fn resolve_object(
            &self,
            _: &::waygate_openfeature::FlagRequest<'_>,
            default: &::serde_json::Value,
        ) -> Result<
            ::waygate_openfeature::Resolution<::std::sync::Arc<::serde_json::Value>>,
            ::waygate_openfeature::EvaluationError,
        > {
            Ok(::waygate_openfeature::Resolution::new(
                default.clone().into(),
            ))
        }
    };
}

pub(crate) use defaults;

/// Answers as a test wants, and notes what it is asked.
pub(crate) struct Fake {
    pub(crate) name: &'static str,
    pub(crate) log: Log,
    pub(crate) initialize: Box<Initialize>,
    pub(crate) shutdown: Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>,
    pub(crate) resolve: Box<Resolve>,
    pub(crate) hooks: Vec<Arc<dyn Hook>>,
    pub(crate) is_domain_scoped: bool,
    pub(crate) events: Mutex<Option<EventEmitter>>,
    pub(crate) setups: Mutex<Vec<Setup>>,
    pub(crate) tracked: Mutex<Vec<(String, EvaluationContext, TrackingDetails)>>,
    pub(crate) resolved_with: Mutex<Option<EvaluationContext>>,
    pub(crate) evaluations: AtomicUsize,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            name: "fake",
            log: Log::default(),
            initialize: Box::new(|_| Box::pin(std::future::ready(Ok(())))),
            shutdown: Box::new(|| Box::pin(std::future::ready(()))),
            resolve: Box::new(|_| Ok(Resolution::new(true))),
            hooks: Vec::new(),
            is_domain_scoped: false,
            events: Mutex::default(),
            setups: Mutex::default(),
            tracked: Mutex::default(),
            resolved_with: Mutex::default(),
            evaluations: AtomicUsize::new(0),
        }
    }
}

impl Fake {
    pub(crate) fn named(name: &'static str) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    pub(crate) fn failing(code: waygate_openfeature::ErrorCode) -> Self {
        let error = EvaluationError::new(code).with_message("no connection");
        Self {
            initialize: Box::new(move |_| Box::pin(std::future::ready(Err(error.clone())))),
            ..Self::default()
        }
    }

    pub(crate) fn emit(&self, event: waygate_openfeature::ProviderEventDetails) {
        let events = self.events.lock().unwrap().clone();
        events.expect("it is initialized").emit(event);
    }

    /// The context of the last evaluation.
    pub(crate) fn context(&self) -> EvaluationContext {
        let context = self.resolved_with.lock().unwrap().take();
        context.expect("it was asked")
    }
}

impl Provider for Fake {
    fn metadata(&self) -> ProviderMetadata {
        ProviderMetadata::new(self.name)
    }

    fn hooks(&self) -> Vec<Arc<dyn Hook>> {
        self.hooks.clone()
    }

    fn is_domain_scoped(&self) -> bool {
        self.is_domain_scoped
    }

    fn initialize(&self, setup: Setup) -> BoxFuture<'_, Result<(), EvaluationError>> {
        self.log.add(format!("initialize {}", self.name));
        *self.events.lock().unwrap() = Some(setup.events().clone());
        self.setups.lock().unwrap().push(setup.clone());
        (self.initialize)(setup)
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        self.log.add(format!("shutdown {}", self.name));
        (self.shutdown)()
    }

    fn track(&self, event: &str, context: &MergedContext<'_>, details: &TrackingDetails) {
        let tracked = (event.to_owned(), context.to_context(), details.clone());
        self.tracked.lock().unwrap().push(tracked);
    }

    fn resolve_bool(
        &self,
        request: &FlagRequest<'_>,
        _: bool,
    ) -> Result<Resolution<bool>, EvaluationError> {
        self.evaluations.fetch_add(1, Ordering::SeqCst);
        *self.resolved_with.lock().unwrap() = Some(request.context().to_context());
        (self.resolve)(request)
    }

    defaults!();
}

/// A future that a test completes.
#[derive(Clone, Default)]
pub(crate) struct Latch(Arc<Opening>);

#[derive(Default)]
struct Opening {
    /// `true` once it is open, and the task that waits.
    state: Mutex<(bool, Option<Waker>)>,
    opened: Condvar,
}

impl Latch {
    pub(crate) fn open(&self) {
        let mut state = self.0.state.lock().unwrap();
        state.0 = true;
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
        self.0.opened.notify_all();
    }

    pub(crate) fn wait(&self) -> BoxFuture<'static, ()> {
        let latch = self.clone();
        Box::pin(std::future::poll_fn(move |context| {
            let mut state = latch.0.state.lock().unwrap();
            state.1 = Some(context.waker().clone());
            match state.0 {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        }))
    }

    /// Waits on this thread.
    pub(crate) fn block(&self) {
        let state = self.0.state.lock().unwrap();
        let waiting = self
            .0
            .opened
            .wait_timeout_while(state, Duration::from_secs(30), |state| !state.0);
        assert!(!waiting.unwrap().1.timed_out(), "the latch was not opened");
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park_timeout(Duration::from_secs(30)),
        }
    }
}

/// Waits for a condition.
pub(crate) fn eventually(holds: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "it never happened"
        );
        std::thread::yield_now();
    }
}

/// An API with a provider.
pub(crate) fn with(provider: Fake) -> (OpenFeature, Arc<Fake>) {
    let (api, provider) = (isolated::new(), Arc::new(provider));
    block_on(api.set_provider_and_wait(provider.clone())).expect("it is set");
    (api, provider)
}

/// An API with flags of each type.
pub(crate) fn with_flags() -> (OpenFeature, Arc<InMemoryProvider>) {
    let object = serde_json::json!({"max": 3});
    let provider = Arc::new(InMemoryProvider::new([
        (
            "bool",
            InMemoryFlag::new([("on", true), ("off", false)], "on"),
        ),
        ("integer", InMemoryFlag::new([("ten", 10)], "ten")),
        ("float", InMemoryFlag::new([("half", 0.5)], "half")),
        (
            "string",
            InMemoryFlag::new([("greeting", "hi")], "greeting"),
        ),
        (
            "object",
            InMemoryFlag::new([("template", object)], "template"),
        ),
    ]));
    let api = isolated::new();
    block_on(api.set_provider_and_wait(provider.clone())).expect("it is set");
    (api, provider)
}

/// Returns whether a task would have to wait.
pub(crate) fn is_pending<F: Future>(future: std::pin::Pin<&mut F>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    future.poll(&mut context).is_pending()
}
