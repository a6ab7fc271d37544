//! Checks that a request to an active route allocates nothing in the engine.
#![allow(missing_docs, clippy::unwrap_used)]

use std::task::{Context, Poll};

use axum::{Router, body::Body, extract::Request, response::Response, routing::get};
use tower::{Layer, Service, ServiceExt};
use waygate::{Waygate, model::RouteState};

/// A no-op layer. axum allocates at every layer, so this is the baseline.
#[derive(Clone)]
struct Nothing;

impl<S> Layer<S> for Nothing {
    type Service = Pass<S>;

    fn layer(&self, inner: S) -> Pass<S> {
        Pass(inner)
    }
}

#[derive(Clone)]
struct Pass<S>(S);

impl<S: Service<Request>> Service<Request> for Pass<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> S::Future {
        self.0.call(request)
    }
}

fn router() -> Router {
    Router::new().route("/items/{id}", get(|| async { "item" }))
}

fn request() -> Request {
    Request::get("/items/42").body(Body::empty()).unwrap()
}

/// Returns the allocations of one request to a known route.
async fn allocations(router: Router) -> u64 {
    let mut service = router.with_state(()).into_service::<Body>();
    // A load balancer probes with HEAD first, which must not take the place of GET.
    let mut head = request();
    *head.method_mut() = http::Method::HEAD;
    drop(service.ready().await.unwrap().call(head).await);
    let warm_up: Response = service
        .ready()
        .await
        .unwrap()
        .call(request())
        .await
        .unwrap();
    assert_eq!(warm_up.status(), 200);
    drop(warm_up);
    let request = request();
    let mut future = None;
    let info = allocation_counter::measure(|| future = Some(Box::pin(service.call(request))));
    let calling = info.count_total - 1; // the box above
    let mut future = future.unwrap();
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut response = None;
    let polling = allocation_counter::measure(|| {
        response = Some(future.as_mut().poll(&mut context));
    });
    assert!(matches!(response, Some(Poll::Ready(Ok(response))) if response.status() == 200));
    calling + polling.count_total
}

async fn guarded(count_requests: bool) -> Router {
    let builder = Waygate::builder().count_requests(count_requests);
    let waygate = builder.build().await.unwrap();
    waygate
        .register("GET:/items/{id}".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    waygate.guard(router()).await.unwrap().into_router()
}

#[tokio::test]
async fn a_request_is_counted_without_an_allocation() {
    let counting = allocations(guarded(true).await).await;
    let silent = allocations(guarded(false).await).await;
    assert!(silent > 0, "the allocator counts");
    assert_eq!(counting, silent);
}

#[tokio::test]
async fn an_active_route_costs_no_allocation() {
    let waygate = Waygate::builder().build().await.unwrap();
    waygate
        .register("GET:/items/{id}".parse().unwrap(), RouteState::default())
        .await
        .unwrap();
    let guarded = waygate.guard(router()).await.unwrap().into_router();
    let floor = allocations(router().layer(Nothing)).await;
    let ours = allocations(guarded).await;
    println!("allocations per request: {floor} with a layer that does nothing, {ours} with ours");
    assert!(floor > 0, "the allocator counts");
    assert_eq!(ours, floor);
}
