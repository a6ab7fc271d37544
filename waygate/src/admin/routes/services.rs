use std::{collections::BTreeSet, sync::Arc};

use axum::{extract::State, response::Response};
use http::HeaderMap;
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    grammar::ServiceName,
    model::{GlobalMaintenance, Revision},
};

use super::{change::with_current, global::EnableGlobalRequest, maintained::MaintenanceBody};
use crate::{
    ChangeError,
    admin::{
        author::Author,
        body::{Asked, EmptyRequest},
        error::Problem,
        key::Service,
        reply::{self, Reply},
        schema,
        state::AdminState,
    },
    engine::MaintenanceScope,
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(enable))
        .routes(routes!(disable))
}

type Changed = Result<Reply<MaintenanceBody>, Problem>;

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
    reply::list(&services, revision, &headers)
}

async fn current(state: &AdminState, service: &ServiceName) -> (GlobalMaintenance, Revision) {
    let (maintenance, number) = state.waygate.service_maintenance(service).await;
    let epoch = state.waygate.revision().epoch;
    (maintenance, Revision { epoch, number })
}

fn body(
    state: &AdminState,
    service: &ServiceName,
    maintenance: GlobalMaintenance,
) -> MaintenanceBody {
    let scope = MaintenanceScope::Service(service.clone());
    MaintenanceBody::new(&state.waygate, &scope, maintenance)
}

async fn outcome(
    state: &AdminState,
    service: &ServiceName,
    outcome: Result<(GlobalMaintenance, Revision), ChangeError>,
) -> Changed {
    match outcome {
        Ok((maintenance, revision)) => {
            Ok(Reply::tagged(body(state, service, maintenance), revision))
        }
        Err(error) => {
            let (_, revision) = current(state, service).await;
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
    Reply::tagged(body(&state, &service, maintenance), revision)
}

/// Puts every route of a service in maintenance at once. What is not given is reset to its default.
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
    Asked(asked): Asked<EnableGlobalRequest>,
) -> Changed {
    let (_, revision) = current(&state, &service).await;
    let operator = author.expecting(|| Ok(revision))?;
    let enabled = operator
        .enable_service_maintenance(service.as_str(), asked.into())
        .await;
    outcome(&state, &service, enabled).await
}

/// Ends maintenance of a service, and forgets its reason and exemptions.
#[utoipa::path(
    post,
    path = "/api/services/{service}/maintenance/disable",
    operation_id = "disable_service_maintenance",
    tag = "services",
    params(("service" = String, Path)),
    request_body = Option<EmptyRequest>,
    responses((status = OK, description = "Maintenance of the service as it is now.", body = schema::GlobalMaintenance)),
    security(("token" = ["write:global"]))
)]
async fn disable(
    State(state): State<Arc<AdminState>>,
    author: Author,
    Service(service): Service,
    Asked(EmptyRequest {}): Asked<EmptyRequest>,
) -> Changed {
    let (_, revision) = current(&state, &service).await;
    let operator = author.expecting(|| Ok(revision))?;
    let disabled = operator.disable_service_maintenance(service.as_str()).await;
    outcome(&state, &service, disabled).await
}
