use std::{collections::BTreeSet, sync::Arc};

use axum::Router;
use serde_json::Value;
use waygate_core::{Printable, grammar::PathTemplate, model::RouteKey};

use super::{
    Api, Guarded,
    layer::WaygateLayer,
    mounting::Taken,
    shared::Shared,
    survey::{self, Survey},
};
use crate::{
    Waygate,
    engine::{Served, Table},
    registry::HandlerDeclaration,
};

/// A router that is being guarded, alone or together with others.
#[derive(Debug)]
pub(super) struct Part {
    router: Router,
    shared: Arc<Shared>,
    pub(super) survey: Survey,
    pub(super) document: Option<Value>,
    gaps: Vec<String>,
}

impl Part {
    pub(super) fn new(waygate: &Waygate, api: Api) -> Self {
        #[cfg(feature = "openapi")]
        let document = api.document.and_then(|document| {
            serde_json::to_value(document)
                .inspect_err(|error| {
                    tracing::error!(error = %Printable(error), "cannot serialize the OpenAPI document; it is omitted");
                })
                .ok()
        });
        #[cfg(not(feature = "openapi"))]
        let document = None;
        let layer = WaygateLayer::new(waygate.clone());
        // `with_state` creates the service of every endpoint once. Without it, axum creates them for each connection,
        // and none could cache its route.
        let router: Router = api.router.clone().layer(layer.clone()).with_state(());
        Self {
            survey: Survey::new(&api.router, router.clone()),
            router,
            shared: layer.shared().clone(),
            document,
            gaps: Vec::new(),
        }
    }

    /// The routes that it serves, by key: a path without a method if one endpoint handles all other methods.
    pub(super) fn routes(&self) -> impl Iterator<Item = RouteKey> {
        self.survey.served().flat_map(|served| {
            let named = served.methods.iter().copied().map(Some);
            named
                .chain(served.others.then_some(None))
                .map(|method| RouteKey::new(method, &served.path))
        })
    }

    pub(super) fn find_gaps(&mut self, table: &Table, shared: &BTreeSet<RouteKey>) {
        let mut gaps = self.survey.gaps(self.shared.created(), |path| {
            let every = path.parse().ok().map(|path| RouteKey::new(None, &path));
            every.is_some_and(|key| table.exact(&key).is_some())
        });
        for gap in &gaps {
            tracing::warn!("{}", Printable(gap));
        }
        let own: Vec<String> = self
            .routes()
            .filter(|route| shared.contains(route))
            .map(|route| format!("`{route}`"))
            .collect();
        // Logged only once for all of these routers.
        if !own.is_empty() {
            gaps.push(format!(
                "another router serves {} too: one engine treats them as one route, with one state and shared limits",
                own.join(", ")
            ));
        }
        self.gaps = gaps;
    }

    pub(super) fn into_guarded(
        self,
        waygate: &Waygate,
        handlers: Vec<HandlerDeclaration>,
    ) -> Guarded {
        Guarded {
            waygate: waygate.clone(),
            router: self.router,
            shared: self.shared,
            responses: Default::default(),
            handlers,
            gaps: self.gaps,
            taken: self.survey.taken().map(taken).collect(),
            mounts: Vec::new(),
            live: Router::new(),
            #[cfg(feature = "openapi")]
            document: self.document.unwrap_or_default(),
            #[cfg(feature = "openapi")]
            documentation: None,
        }
    }
}

/// The methods of a path, in the engine's representation.
pub(super) fn served(found: &survey::Served) -> (PathTemplate, Served) {
    let served = Served {
        named: found.methods.iter().copied().collect(),
        others: found.others,
    };
    (found.path.clone(), served)
}

fn taken((path, found): (&str, &survey::Served)) -> Taken {
    let (route, methods) = served(found);
    Taken {
        path: path.to_owned(),
        route,
        methods,
    }
}
