use std::collections::{BTreeSet, HashMap};

use waygate_core::{Printable, model::RouteKey};

use super::{
    BindErrors, Guarded, IntoApi,
    bind::{self, Unmounted},
    part::{Part, served},
    survey::Survey,
};
use crate::{
    Waygate,
    engine::Found,
    registry::{self, HandlerDeclaration},
    stamp::Stamp,
};

impl Waygate {
    /// Puts the engine in front of every route in an API: binds each annotated handler to its final method and path,
    /// and registers all other routes of the document and the router as active.
    ///
    /// Each endpoint records its route, so the route's gates apply wherever the guarded router is mounted: nested, as
    /// a service, or behind a layer that changes the method.
    ///
    /// For several routers in one program, use [`guard_all`](Self::guard_all).
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use axum::{Router, routing::get};
    /// use waygate::Waygate;
    ///
    /// # let waygate = Waygate::builder().allow_unmounted("").build().await?;
    /// let api = Router::new().route("/payments", get(|| async { "paid" }));
    /// let app = waygate.guard(api).await?.into_router();
    /// assert_eq!(waygate.route("GET:/payments")?.view.status.as_str(), "active");
    /// # drop(app);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`BindErrors`] if no route serves an annotated handler, if a declared route does not exist, or if
    /// attributes contradict an earlier [registration](Waygate::register_all). An attribute without effect is never
    /// accepted silently.
    pub async fn guard(&self, api: impl IntoApi) -> Result<Guarded, BindErrors> {
        let [guarded] = self.guard_all([api]).await?;
        Ok(guarded)
    }

    /// Guards several APIs of one program, such as a public and a private one, each with its own listener. Each
    /// annotated handler must be served by one of them.
    ///
    /// ```standalone_crate
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use axum::{Router, routing::get};
    /// use waygate::{Waygate, prelude::*};
    ///
    /// #[rate_limit("100/minute", route = "GET /items")]
    /// async fn items() {}
    ///
    /// #[allowed_ips("10.0.0.0/8", route = "GET /jobs")]
    /// async fn jobs() {}
    ///
    /// let public = Router::new().route("/items", get(items));
    /// let private = Router::new().route("/jobs", get(jobs));
    ///
    /// let waygate = Waygate::builder().build().await?;
    /// let [public, private] = waygate.guard_all([public, private]).await?;
    /// # let _ = (public, private);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Use [`Api::from`](crate::router::Api) to convert APIs of different types.
    ///
    /// If several APIs serve the same method and path, it is one route: it has one state, and its limits count the
    /// requests of all APIs together. The log and the report name such routes. Attributes without `route = ".."` belong
    /// to one handler: it is an error if another API serves the same method and path with a different handler. With
    /// `route = ".."`, the attributes apply in every API that serves the route.
    ///
    /// # Errors
    /// See [`guard`](Self::guard). On error, none of the APIs is guarded.
    pub async fn guard_all<const N: usize>(
        &self,
        apis: [impl IntoApi; N],
    ) -> Result<[Guarded; N], BindErrors> {
        let mut parts = apis.map(|api| Part::new(self, api.into()));
        for part in &mut parts {
            part.survey.explore().await;
        }
        let handlers = self.bind(&mut parts).await?;
        // On error, nothing is served.
        for _ in &parts {
            self.inner.note_guarded();
        }
        Ok(parts.map(|part| part.into_guarded(self, handlers.clone())))
    }

    async fn bind(&self, parts: &mut [Part]) -> Result<Vec<HandlerDeclaration>, BindErrors> {
        let inner = &self.inner;
        let handlers = registry::declarations(inner.limiting.algorithm)?;
        let known = inner.snapshot.load().table.clone();
        let unmounted = Unmounted {
            allowed: &inner.allow_unmounted,
            #[cfg(feature = "testing")]
            required: &inner.only_handlers_under,
            #[cfg(not(feature = "testing"))]
            required: &[],
        };
        let has_principal = inner.principal.is_some();
        let mut bound = bind::bind(&handlers, parts, unmounted, has_principal, &known).await?;
        bound.add_undocumented(parts.iter().map(|part| &part.survey), &known);
        let surveys = || parts.iter().map(|part| &part.survey);
        let found = Found {
            served: surveys().flat_map(Survey::served).map(served).collect(),
            covered: bound.covered,
            others: surveys().flat_map(Survey::others).collect(),
            tags: bound.tags,
        };
        inner.register_found(bound.routes, found).await?;
        let table = inner.snapshot.load().table.clone();
        let mut stamps: HashMap<usize, Vec<Stamp>> = HashMap::new();
        for (stamp, routes) in &bound.handlers {
            inner.bindings.bind(stamp, routes);
            for slot in routes.iter().filter_map(|route| table.exact(route)) {
                stamps.entry(slot).or_default().push(stamp);
            }
        }
        let shared = shared_routes(parts);
        if !shared.is_empty() {
            let names: Vec<String> = shared.iter().map(|route| format!("`{route}`")).collect();
            let names = names.join(", ");
            tracing::warn!(
                "several routers serve {}: one engine treats them as one route, with one state and shared limits",
                Printable(names)
            );
        }
        for part in parts {
            part.survey.settle(&table, &stamps);
            part.find_gaps(&table, &shared);
        }
        Ok(handlers)
    }
}

/// The routes that several routers serve.
fn shared_routes(parts: &[Part]) -> BTreeSet<RouteKey> {
    let (mut seen, mut shared) = (BTreeSet::new(), BTreeSet::new());
    for part in parts {
        let own: BTreeSet<RouteKey> = part.routes().collect();
        shared.extend(own.intersection(&seen).cloned());
        seen.extend(own);
    }
    shared
}

#[cfg(all(test, feature = "openapi"))]
mod tests {
    use axum::{Router, routing::get};
    use utoipa::openapi::{OpenApiBuilder, PathsBuilder, path::PathItem};

    use crate::Waygate;

    #[tokio::test]
    async fn a_call_that_fails_stacks_nothing() {
        let router = || Router::new().route("/stacked", get(async || ()));
        let mut item = PathItem::default();
        item.get = Some(Default::default());
        let paths = PathsBuilder::new().path("no slash", item).build();
        let document = OpenApiBuilder::new().paths(paths).build();
        let waygate = Waygate::builder().build().await.unwrap();
        let refused = waygate.guard((router(), document)).await;
        assert!(refused.unwrap_err().to_string().contains("no slash"));
        let _guarded = waygate.guard(router()).await.unwrap();
        assert!(!waygate.inner.is_stacked());
        let _other = waygate.guard(router()).await.unwrap();
        assert!(waygate.inner.is_stacked());
    }
}
