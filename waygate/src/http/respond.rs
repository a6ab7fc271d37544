use std::{fmt, future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use super::{
    function_id::{Function, FunctionId},
    sealed::Sealed,
};
use crate::engine::Blocked;

/// A type-erased function, sync or async, that responds to blocked requests.
///
/// ```
/// use waygate::{Blocked, Responses, response::Responder};
///
/// let sorry = Responder::new(|_: &Blocked| "back at four");
/// let responses = Responses::new().maintenance(sorry.clone()).disabled(sorry);
/// ```
#[derive(Clone)]
pub struct Responder {
    id: FunctionId,
    answer: Arc<dyn Fn(Blocked) -> Answer + Send + Sync>,
}

/// Returns the response, or `None` if the function panicked.
type Answer = Pin<Box<dyn Future<Output = Option<Response>> + Send>>;

impl Responder {
    /// Erases the type of `function`.
    pub fn new<Kind>(function: impl IntoResponder<Kind>) -> Self {
        function.into_responder(Sealed)
    }

    pub(crate) fn answer(&self, blocked: Blocked) -> Answer {
        (self.answer)(blocked)
    }

    fn erase(id: FunctionId, answer: impl Fn(Blocked) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            id,
            answer: Arc::new(answer),
        }
    }
}

impl Function for Responder {
    fn id(&self) -> FunctionId {
        self.id
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Responder(fn)")
    }
}

/// Functions that respond to a blocked request: `fn(&Blocked) -> impl IntoResponse`, and async ones of the same
/// shape. A response with a success status (2xx) gets [`Blocked::status`]. In edition 2024, a sync function returns
/// `impl IntoResponse + use<>` or a concrete type such as `Response`, since `impl IntoResponse` borrows the argument.
///
/// `Kind` distinguishes the two; it is always inferred.
///
/// ```
/// use waygate::{Responses, response::IntoResponder};
///
/// /// One response for all that closes a route.
/// fn closed<Kind>(function: impl IntoResponder<Kind> + Clone) -> Responses {
///     Responses::new().maintenance(function.clone()).disabled(function)
/// }
/// # let _ = closed(|_: &waygate::Blocked| "back at four");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a response function",
    label = "expected `fn(&waygate::Blocked) -> impl IntoResponse`, or an `async fn` of that shape",
    note = "in edition 2024, `impl IntoResponse` borrows the argument: write `impl IntoResponse + use<>`, or a concrete type such as `Response`",
    note = "an async function must borrow nothing but its argument, and its future must be `Send`"
)]
pub trait IntoResponder<Kind> {
    #[doc(hidden)]
    fn into_responder(self, _: Sealed) -> Responder;
}

#[doc(hidden)]
#[derive(Debug)]
pub enum SyncKind {}

#[doc(hidden)]
#[derive(Debug)]
pub enum AsyncKind {}

impl<F, R> IntoResponder<(SyncKind, R)> for F
where
    F: Fn(&Blocked) -> R + Send + Sync + 'static,
    R: IntoResponse,
{
    fn into_responder(self, _: Sealed) -> Responder {
        Responder::erase(FunctionId::of(&self), move |blocked| {
            let answer =
                std::panic::catch_unwind(AssertUnwindSafe(|| self(&blocked).into_response()));
            Box::pin(std::future::ready(answer.ok()))
        })
    }
}

impl<F> IntoResponder<AsyncKind> for F
where
    F: for<'a> AsyncResponder<'a> + Send + Sync + 'static,
{
    fn into_responder(self, _: Sealed) -> Responder {
        let id = FunctionId::of(&self);
        let function = Arc::new(self);
        Responder::erase(id, move |blocked| {
            let function = function.clone();
            let answer = async move { function.respond(&blocked).await.into_response() };
            Box::pin(AssertUnwindSafe(answer).catch_unwind().map(Result::ok))
        })
    }
}

impl IntoResponder<Responder> for Responder {
    fn into_responder(self, _: Sealed) -> Responder {
        self
    }
}

#[doc(hidden)]
pub trait AsyncResponder<'a> {
    type Output: IntoResponse;
    type Future: Future<Output = Self::Output> + Send + 'a;

    fn respond(&self, blocked: &'a Blocked) -> Self::Future;
}

impl<'a, F, Fut> AsyncResponder<'a> for F
where
    F: Fn(&'a Blocked) -> Fut,
    Fut: Future<Output: IntoResponse> + Send + 'a,
{
    type Output = Fut::Output;
    type Future = Fut;

    fn respond(&self, blocked: &'a Blocked) -> Fut {
        self(blocked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sync_one(blocked: &Blocked) -> impl IntoResponse + use<> {
        blocked.reason().message()
    }

    async fn async_one(blocked: &Blocked) -> Response {
        tokio::task::yield_now().await;
        blocked.status().into_response()
    }

    #[test]
    fn sync_and_async_functions_are_taken_without_a_hint() {
        let _ = Responder::new(sync_one);
        let _ = Responder::new(async_one);
        let _ = Responder::new(|_: &Blocked| "closure");
        const _: fn() -> Responder = || Responder::new(async_one);
    }
}
