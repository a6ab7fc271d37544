//! Evaluations through the client of the official SDK. It has a cost of its own, which a provider shows that does nothing.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use async_trait::async_trait;
use open_feature::{
    Client, EvaluationContext, EvaluationContextFieldValue, EvaluationError, EvaluationErrorCode,
    EvaluationResult, OpenFeature, StructValue,
    provider::{FeatureProvider, ProviderMetadata, ResolutionDetails},
};
use waygate::Waygate;
use waygate_bench::{Row, time_calls};
use waygate_openfeature_provider::WaygateProvider;

use super::{COUNTRY, FLAG, PLAN, USER, baseline, call, counted, print};

/// The clients of three providers.
pub(crate) struct Clients {
    ours: Client,
    map: Client,
    nothing: Client,
}

impl Clients {
    pub(crate) async fn new(waygate: &Waygate) -> Self {
        let map = baseline::Flags::new();
        let of_map = move |key: &str, context: &EvaluationContext| {
            map.evaluate_for(key, |name| attribute(context, name))
        };
        let of_nothing = |_: &str, _: &EvaluationContext| false;
        Self {
            ours: client("ours", WaygateProvider::new(waygate.clone())).await,
            map: client("map", Written::new(of_map)).await,
            nothing: client("nothing", Written::new(of_nothing)).await,
        }
    }

    /// The part of the provider in an evaluation, compared with that of a provider of the hand-written map.
    pub(crate) fn row(&self) -> Row {
        let context = EvaluationContext::default()
            .with_targeting_key(USER)
            .with_custom_field("country", COUNTRY)
            .with_custom_field("plan", PLAN)
            .with_custom_field("email", "a@example.com")
            .with_custom_field("seats", 5)
            .with_custom_field("beta", true);
        let evaluate = |client: &Client| {
            let value = client.get_bool_value(FLAG, Some(&context), None);
            ready(value).unwrap()
        };
        assert_eq!(evaluate(&self.ours), evaluate(&self.map));
        let allocations = [&self.ours, &self.map, &self.nothing];
        let allocations = allocations.map(|client| counted(|_| evaluate(client)));
        let calls = vec![
            call("client, our provider", |_| evaluate(&self.ours)),
            call("client, provider of the map", |_| evaluate(&self.map)),
            call("client, provider of nothing", |_| evaluate(&self.nothing)),
        ];
        let timings = time_calls(calls, 1);
        print(&timings);
        println!("allocations: {allocations:?}");
        let [ours, map, nothing] = [0, 1, 2].map(|at: usize| timings[at].min);
        Row::new(
            "openfeature provider, without the client",
            ours - nothing,
            "provider of the map",
            map - nothing,
            Some(2.0),
        )
        .with_allocations(allocations[0] - allocations[2])
    }
}

async fn client(name: &str, provider: impl FeatureProvider) -> Client {
    let mut api = OpenFeature::singleton_mut().await;
    api.set_named_provider(name, provider).await;
    api.create_named_client(name)
}

/// Returns the result of a future that does not wait.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the client waited"),
    }
}

fn attribute<'a>(context: &'a EvaluationContext, name: &str) -> Option<&'a str> {
    match name {
        "key" => context.targeting_key.as_deref(),
        _ => match context.custom_fields.get(name)? {
            EvaluationContextFieldValue::String(value) => Some(value),
            _ => None,
        },
    }
}

/// A provider of boolean flags.
struct Written<E> {
    metadata: ProviderMetadata,
    evaluate: E,
}

impl<E: Fn(&str, &EvaluationContext) -> bool> Written<E> {
    fn new(evaluate: E) -> Self {
        Self {
            metadata: ProviderMetadata::new("written"),
            evaluate,
        }
    }
}

fn only_booleans<T>() -> EvaluationResult<ResolutionDetails<T>> {
    let code = EvaluationErrorCode::TypeMismatch;
    Err(EvaluationError::builder().code(code).build())
}

#[async_trait]
impl<E> FeatureProvider for Written<E>
where
    E: Fn(&str, &EvaluationContext) -> bool + Send + Sync + 'static,
{
    fn metadata(&self) -> &ProviderMetadata {
        &self.metadata
    }

    async fn resolve_bool_value(
        &self,
        key: &str,
        context: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<bool>> {
        Ok(ResolutionDetails::new((self.evaluate)(key, context)))
    }

    async fn resolve_int_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<i64>> {
        only_booleans()
    }

    async fn resolve_float_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<f64>> {
        only_booleans()
    }

    async fn resolve_string_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<String>> {
        only_booleans()
    }

    async fn resolve_struct_value(
        &self,
        _: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<StructValue>> {
        only_booleans()
    }
}
