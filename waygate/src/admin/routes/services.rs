use std::{collections::BTreeSet, sync::Arc};

use axum::{extract::State, response::Response};
use http::HeaderMap;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::ServiceName,
    model::{GlobalMaintenance, Revision},
};

use super::{
    change::with_current,
    global::{Changed, EnableGlobalRequest, maintain},
    maintained::MaintenanceBody,
};
use crate::{
    admin::{author::Author, key::Service, schema, state::AdminState},
    engine::{MaintenanceCommand, MaintenanceScope},
    rest::{EmptyBody, JsonBody, Reply, list_response},
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(enable))
        .routes(routes!(disable))
}

/// Lists the services that routes belong to, and the one that this process is part of.
#[utoipa::path(
    get,
    path = "/api/services",
    operation_id = "list_services",
    tag = "services",
    responses((status = OK, description = "The names of services, sorted.", body = [String])),
    security(("token" = ["read"]))
)]
async fn list(State(state): State<Arc<AdminState>>, headers: HeaderMap) -> Response {
    let revision = state.waygate.revision();
    let routes = state.waygate.routes();
    let of_routes = routes.iter().filter_map(|route| route.key.service());
    let own = state.waygate.service().map(ServiceName::as_str);
    let services: BTreeSet<&str> = of_routes.chain(own).collect();
    list_response(&services, revision, &headers)
}

async fn current(state: &AdminState, service: &ServiceName) -> (GlobalMaintenance, Revision) {
    let (maintenance, number) = state.waygate.service_maintenance(service).await;
    let epoch = state.waygate.revision().epoch;
    (maintenance, Revision { epoch, number })
}

async fn change(
    state: &AdminState,
    author: Author,
    service: ServiceName,
    command: MaintenanceCommand,
) -> Changed {
    let (_, revision) = current(state, &service).await;
    let operator = author.expecting(|| Ok(revision))?;
    let scope = MaintenanceScope::Service(service.clone());
    match maintain(state, &operator, scope, command).await {
        Ok(changed) => Ok(changed),
        Err(error) => {
            let (_, revision) = current(state, &service).await;
            Err(with_current(error.into(), || Ok(revision)))
        }
    }
}

/// Shows maintenance of a service. Processes of that service enforce it; every process shows it.
#[utoipa::path(
    get,
    path = "/api/services/{service}/maintenance",
    operation_id = "get_service_maintenance",
    tag = "services",
    params(("service" = String, Path)),
    responses((status = OK, description = "Maintenance of the service.", body = schema::GlobalMaintenance)),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    Service(service): Service,
) -> Reply<MaintenanceBody> {
    let (maintenance, revision) = current(&state, &service).await;
    let scope = MaintenanceScope::Service(service);
    let body = MaintenanceBody::new(&state.waygate, &scope, maintenance);
    Reply::tagged(body, revision)
}

/// Puts every route of a service in maintenance: at once, or from `start` on. What is not given is reset to its default.
#[utoipa::path(
    post,
    path = "/api/services/{service}/maintenance/enable",
    operation_id = "enable_service_maintenance",
    tag = "services",
    params(("service" = String, Path)),
    request_body = Option<EnableGlobalRequest>,
    responses((status = OK, description = "Maintenance of the service as it is now.", body = schema::GlobalMaintenance)),
    security(("token" = ["write:global"]))
)]
async fn enable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    JsonBody(body): JsonBody<EnableGlobalRequest>,
) -> Changed {
    change(&state, author, service, body.command()?).await
}

/// Ends maintenance of a service, planned or running, and forgets its reason and exemptions.
#[utoipa::path(
    post,
    path = "/api/services/{service}/maintenance/disable",
    operation_id = "disable_service_maintenance",
    tag = "services",
    params(("service" = String, Path)),
    request_body = Option<EmptyBody>,
    responses((status = OK, description = "Maintenance of the service as it is now.", body = schema::GlobalMaintenance)),
    security(("token" = ["write:global"]))
)]
async fn disable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    JsonBody(EmptyBody {}): JsonBody<EmptyBody>,
) -> Changed {
    change(&state, author, service, MaintenanceCommand::Disable).await
}
