use std::{fmt, future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use futures_util::FutureExt;
use http::request::Parts;

use waygate_core::Printable;

use super::{
    super::{
        function_id::{Function, FunctionId},
        respond::{AsyncKind, SyncKind},
        sealed::Sealed,
    },
    Key,
};

/// A type-erased function, sync or async, that returns the key of a request.
///
/// A function that panics returns no key; the panic is logged.
///
/// ```
/// use waygate::{limits::{Key, KeyFunction}, response::RequestParts};
///
/// fn tenant(request: &RequestParts) -> Option<Key> {
///     Some(request.headers.get("x-tenant")?.as_bytes().into())
/// }
/// let key = KeyFunction::new(tenant);
/// # drop(key);
/// ```
#[derive(Clone)]
pub struct KeyFunction {
    id: FunctionId,
    form: Form,
}

#[derive(Clone)]
enum Form {
    Sync(Arc<SyncFunction>),
    Async(Arc<AsyncFunction>),
}

type SyncFunction = dyn Fn(&Parts) -> Option<Key> + Send + Sync;
type AsyncFunction = dyn Fn(Parts) -> Asked + Send + Sync;

/// Returns the request's head with the result.
type Asked = Pin<Box<dyn Future<Output = (Parts, Option<Key>)> + Send>>;

impl KeyFunction {
    /// Erases the type of `function`.
    pub fn new<Kind>(function: impl IntoKeyFunction<Kind>) -> Self {
        function.into_key_function(Sealed)
    }

    /// Returns `true` if it must be awaited.
    pub(crate) fn is_async(&self) -> bool {
        matches!(self.form, Form::Async(_))
    }

    /// Calls a sync function; `None` if the function is async and must be called with [`ask`](Self::ask).
    pub(crate) fn sync(&self, request: &Parts) -> Option<Option<Key>> {
        match &self.form {
            Form::Sync(function) => Some(function(request)),
            Form::Async(_) => None,
        }
    }

    /// Calls the function, sync or async.
    pub(crate) fn ask(&self, request: Parts) -> Asked {
        match &self.form {
            Form::Sync(function) => {
                let key = function(&request);
                Box::pin(std::future::ready((request, key)))
            }
            Form::Async(function) => function(request),
        }
    }
}

impl Function for KeyFunction {
    fn id(&self) -> FunctionId {
        self.id
    }
}

impl fmt::Debug for KeyFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.form {
            Form::Sync(_) => "KeyFunction(fn)",
            Form::Async(_) => "KeyFunction(async fn)",
        })
    }
}

/// Functions that return a key: `fn(&RequestParts) -> Option<Key>`, and async ones of the same shape.
///
/// `Kind` distinguishes the two; it is always inferred.
///
/// ```
/// use waygate::limits::{IntoKeyFunction, RateLimitFunctions};
///
/// fn by<Kind>(key: impl IntoKeyFunction<Kind>) -> RateLimitFunctions {
///     RateLimitFunctions::new().key(key)
/// }
/// # let _ = by(|_: &waygate::response::RequestParts| Some("all".into()));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key function",
    label = "expected `fn(&waygate::response::RequestParts) -> Option<waygate::limits::Key>`, or an `async fn` of that shape",
    note = "an async function must borrow nothing but its argument, and its future must be `Send`",
    note = "`Key::from` makes keys from strings, bytes and whole numbers"
)]
pub trait IntoKeyFunction<Kind> {
    #[doc(hidden)]
    fn into_key_function(self, _: Sealed) -> KeyFunction;
}

impl<F> IntoKeyFunction<SyncKind> for F
where
    F: Fn(&Parts) -> Option<Key> + Send + Sync + 'static,
{
    fn into_key_function(self, _: Sealed) -> KeyFunction {
        KeyFunction {
            id: FunctionId::of(&self),
            form: Form::Sync(Arc::new(move |request| {
                let key = std::panic::catch_unwind(AssertUnwindSafe(|| self(request)));
                key.unwrap_or_else(|_| panicked(request))
            })),
        }
    }
}

impl<F> IntoKeyFunction<AsyncKind> for F
where
    F: for<'a> AsyncKeyFunction<'a> + Send + Sync + 'static,
{
    fn into_key_function(self, _: Sealed) -> KeyFunction {
        let id = FunctionId::of(&self);
        let function = Arc::new(self);
        let form = Form::Async(Arc::new(move |request| {
            let function = function.clone();
            Box::pin(async move {
                let asking = async { function.ask(&request).await };
                let asked = AssertUnwindSafe(asking).catch_unwind().await;
                let key = asked.unwrap_or_else(|_| panicked(&request));
                (request, key)
            })
        }));
        KeyFunction { id, form }
    }
}

impl IntoKeyFunction<KeyFunction> for KeyFunction {
    fn into_key_function(self, _: Sealed) -> KeyFunction {
        self
    }
}

#[cold]
fn panicked(request: &Parts) -> Option<Key> {
    let path = request.uri.path();
    tracing::error!(path = ?Printable(path), "a key function panicked; the request has no key");
    None
}

#[doc(hidden)]
pub trait AsyncKeyFunction<'a> {
    type Future: Future<Output = Option<Key>> + Send + 'a;

    fn ask(&self, request: &'a Parts) -> Self::Future;
}

impl<'a, F, Fut> AsyncKeyFunction<'a> for F
where
    F: Fn(&'a Parts) -> Fut,
    Fut: Future<Output = Option<Key>> + Send + 'a,
{
    type Future = Fut;

    fn ask(&self, request: &'a Parts) -> Fut {
        self(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> Parts {
        http::Request::get(path).body(()).unwrap().into_parts().0
    }

    fn path(request: &Parts) -> Option<Key> {
        assert_ne!(request.uri.path(), "/panic");
        Some(request.uri.path().into())
    }

    async fn later(request: &Parts) -> Option<Key> {
        tokio::task::yield_now().await;
        path(request)
    }

    /// Fails before a future exists.
    #[allow(clippy::manual_async_fn, reason = "the point is what comes before it")]
    fn early(request: &Parts) -> impl Future<Output = Option<Key>> + Send + use<> {
        let key = path(request);
        async move { key }
    }

    #[test]
    fn functions_are_taken_without_a_hint() {
        const _: fn() -> KeyFunction = || KeyFunction::new(later);
        let closure = KeyFunction::new(|_: &Parts| Some(Key::from(7)));
        assert_eq!(closure.sync(&request("/")), Some(Some("7".into())));
        assert_eq!(
            format!("{:?}", KeyFunction::new(closure)),
            "KeyFunction(fn)"
        );
        let later = KeyFunction::new(later);
        assert_eq!(format!("{later:?}"), "KeyFunction(async fn)");
        assert_eq!(later.sync(&request("/")), None);
    }

    #[tokio::test]
    async fn the_request_comes_back_with_the_key() {
        for function in [
            KeyFunction::new(path),
            KeyFunction::new(later),
            KeyFunction::new(early),
        ] {
            let (back, key) = function.ask(request("/a")).await;
            assert_eq!((back.uri.path(), key), ("/a", Some("/a".into())));
        }
    }

    #[tokio::test]
    async fn a_panicking_function_has_no_key() {
        for function in [
            KeyFunction::new(path),
            KeyFunction::new(later),
            KeyFunction::new(early),
        ] {
            let (back, key) = function.ask(request("/panic")).await;
            assert_eq!((back.uri.path(), key), ("/panic", None));
        }
        let key = KeyFunction::new(path).sync(&request("/panic"));
        assert_eq!(key, Some(None));
    }
}
