//! The command of a change, read with the grammar of the operation that makes it alone.

use serde::Deserialize;
use serde_json::{Map, Value};
use waygate_core::{
    model::{
        ConcurrencyPolicy, LimitKey, LimitScope, RecurringMaintenanceFields, RouteKey, WindowId,
    },
    transition::{MaintenanceCommand, RouteCommand},
};

use super::{
    body::ChangeAction,
    members::{route, service},
};
use crate::{
    ChangeError, Operator,
    admin::{
        resource::{Set, set_of_route, set_shared},
        routes::{
            access::AccessRequest,
            change::RouteBody,
            deprecation::DeprecateRequest,
            lifecycle::{DisableRequest, EnableRequest, EnvRequest, MaintenanceRequest},
            limits::{
                ConcurrencyLimits, PolicyNameRequest, RateLimits, SetConcurrencyLimit,
                SetRateLimit, SetSharedConcurrencyLimit, SetSharedRateLimit, or_default,
            },
            maintenance::{EnableRequest as MaintainRequest, ExemptPathsRequest, MaintenanceBody},
            schedule::ScheduleRequest,
        },
        state::AdminState,
        warnings::nothing_to_delete,
        within::Within,
    },
    auth::Principal,
    engine::{LimitCommand, MaintenanceScope},
    rest::{EmptyBody, Problem, ProblemKind, RequestBody, read_object},
};

/// What a change does.
pub(super) struct Command {
    what: What,
    /// A warning about the request.
    warning: Option<String>,
}

enum What {
    Route(RouteKey, RouteCommand),
    Purge(RouteKey),
    Maintenance(MaintenanceScope, MaintenanceCommand),
    Rate(LimitKey, LimitCommand),
    Concurrency(LimitKey, Option<ConcurrencyPolicy>),
}

impl From<What> for Command {
    fn from(what: What) -> Self {
        let warning = None;
        Self { what, warning }
    }
}

/// The window of a cancellation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelRequest {
    window: Option<WindowId>,
}

impl RequestBody for CancelRequest {}

type Members = Map<String, Value>;

impl Command {
    pub(super) fn read(
        state: &AdminState,
        principal: &Principal,
        action: ChangeAction,
        members: Members,
    ) -> Result<Self, Problem> {
        use ChangeAction as A;
        match action {
            A::EnableRoute
            | A::DisableRoute
            | A::MaintainRoute
            | A::EndMaintenance
            | A::GateRoute
            | A::ScheduleRoute
            | A::CancelRoute
            | A::DeprecateRoute
            | A::UndeprecateRoute
            | A::SetAccess
            | A::ResetRoute
            | A::PurgeRoute => of_route(action, members),
            A::EnableGlobal
            | A::DisableGlobal
            | A::ScheduleGlobal
            | A::CancelGlobal
            | A::ExemptGlobal => of_maintenance(action, MaintenanceScope::Global, members),
            A::EnableService | A::DisableService | A::ScheduleService | A::CancelService => {
                let mut members = members;
                let LimitScope::Service(service) = service(&mut members)? else {
                    return of_maintenance(action, MaintenanceScope::Global, members);
                };
                of_maintenance(action, MaintenanceScope::Service(service), members)
            }
            _ => of_limit(state, principal, action, members),
        }
    }

    /// What the change concerns.
    pub(super) fn scope(&self) -> LimitScope {
        match &self.what {
            What::Route(key, _) | What::Purge(key) => LimitScope::Route(key.clone()),
            What::Maintenance(scope, _) => LimitScope::from(scope),
            What::Rate(key, _) | What::Concurrency(key, _) => key.scope.clone(),
        }
    }

    /// The changed route, service or limit.
    pub(super) fn target(&self) -> String {
        match &self.what {
            What::Route(key, _) | What::Purge(key) => key.to_string(),
            What::Maintenance(scope, _) => LimitScope::from(scope).to_string(),
            What::Rate(key, _) | What::Concurrency(key, _) => key.to_string(),
        }
    }

    /// Makes the change. Returns its warning.
    pub(super) async fn run(&self, operator: &Operator) -> Result<Option<String>, ChangeError> {
        let own = match &self.what {
            What::Route(key, command) => operator.run(key.clone(), command.clone()).await?.warning,
            What::Purge(key) => {
                operator.purge_key(key.clone()).await?;
                None
            }
            What::Maintenance(scope, command) => {
                let record = operator.maintain(scope.clone(), command.clone()).await?;
                operator.maintenance_warning(scope, &record.maintenance)
            }
            What::Rate(key, LimitCommand::Delete) => {
                let is_known = operator.delete_rate_limit(key.clone()).await?;
                (!is_known).then(|| nothing_to_delete("policy", key, []))
            }
            What::Rate(key, command) => {
                let changed = operator.change_rate_limit(key.clone(), command.clone());
                changed.await?.warning
            }
            What::Concurrency(key, None) => {
                let is_known = operator.delete_concurrency_limit(key.clone()).await?;
                (!is_known).then(|| nothing_to_delete("limit", key, []))
            }
            What::Concurrency(key, Some(policy)) => {
                let changed = operator.set_concurrency_limit(key.clone(), policy.clone());
                changed.await?.warning
            }
        };
        let all: Vec<String> = self.warning.iter().cloned().chain(own).collect();
        Ok((!all.is_empty()).then(|| all.join("; ")))
    }
}

fn of_route(action: ChangeAction, mut members: Members) -> Result<Command, Problem> {
    use ChangeAction as A;
    let key = route(&mut members)?;
    let mut warning = None;
    let command = match action {
        A::DisableRoute => read_object::<DisableRequest>(members)?.command()?,
        A::MaintainRoute => read_object::<MaintenanceRequest>(members)?.command()?,
        A::GateRoute => read_object::<EnvRequest>(members)?.command()?,
        A::ScheduleRoute => read_object::<ScheduleRequest>(members)?.command()?,
        A::DeprecateRoute => read_object::<DeprecateRequest>(members)?.command()?,
        A::SetAccess => {
            let body = read_object::<AccessRequest>(members)?;
            warning = body.warning();
            body.command()?
        }
        A::CancelRoute => RouteCommand::CancelSchedule {
            window: read_object::<CancelRequest>(members)?.window,
        },
        A::EndMaintenance => {
            let EnableRequest { reason } = read_object(members)?;
            RouteCommand::EndMaintenance { reason }
        }
        A::UndeprecateRoute => {
            let EmptyBody {} = read_object(members)?;
            RouteCommand::Deprecate(None)
        }
        A::ResetRoute => {
            let EmptyBody {} = read_object(members)?;
            RouteCommand::Reset
        }
        A::PurgeRoute => {
            let EmptyBody {} = read_object(members)?;
            return Ok(What::Purge(key).into());
        }
        _ => {
            let EnableRequest { reason } = read_object(members)?;
            RouteCommand::Enable { reason }
        }
    };
    let what = What::Route(key, command);
    Ok(Command { what, warning })
}

fn of_maintenance(
    action: ChangeAction,
    scope: MaintenanceScope,
    members: Members,
) -> Result<Command, Problem> {
    use ChangeAction as A;
    let mut warning = None;
    let command = match action {
        A::DisableGlobal | A::DisableService => {
            let EmptyBody {} = read_object(members)?;
            MaintenanceCommand::Disable
        }
        A::ScheduleGlobal | A::ScheduleService => {
            read_object::<RecurringMaintenanceFields>(members)?.command()?
        }
        A::CancelGlobal | A::CancelService => {
            MaintenanceCommand::Cancel(read_object::<CancelRequest>(members)?.window)
        }
        A::ExemptGlobal => read_object::<ExemptPathsRequest>(members)?.command()?,
        _ => {
            let body = read_object::<MaintainRequest>(members)?;
            warning = body.warning();
            body.command()?
        }
    };
    let what = What::Maintenance(scope, command);
    Ok(Command { what, warning })
}

fn of_limit(
    state: &AdminState,
    principal: &Principal,
    action: ChangeAction,
    mut members: Members,
) -> Result<Command, Problem> {
    use ChangeAction as A;
    let (waygate, within) = (&state.waygate, &Within::of(principal, state));
    Ok(match action {
        A::SetRate => {
            name_by_path(&mut members)?;
            let body = read_object::<SetRateLimit>(members)?;
            rate(set_of_route::<RateLimits>(
                waygate,
                within,
                body.fields_of_route()?,
            )?)
        }
        A::SetGlobalRate | A::SetServiceRate => {
            let scope = shared(action, &mut members)?;
            let body = read_object::<SetSharedRateLimit>(members)?;
            rate(set_shared::<RateLimits>(
                waygate,
                scope,
                body.shared_fields()?,
            )?)
        }
        A::SetConcurrency => {
            name_by_path(&mut members)?;
            let body = read_object::<SetConcurrencyLimit>(members)?;
            concurrency(set_of_route::<ConcurrencyLimits>(
                waygate,
                within,
                body.fields_of_route()?,
            )?)
        }
        A::SetGlobalConcurrency | A::SetServiceConcurrency => {
            let scope = shared(action, &mut members)?;
            let body = read_object::<SetSharedConcurrencyLimit>(members)?;
            concurrency(set_shared::<ConcurrencyLimits>(
                waygate,
                scope,
                body.shared_fields()?,
            )?)
        }
        A::DeleteConcurrency | A::DeleteGlobalConcurrency | A::DeleteServiceConcurrency => {
            What::Concurrency(named(action, members)?, None).into()
        }
        A::DeleteRate | A::DeleteGlobalRate | A::DeleteServiceRate => {
            What::Rate(named(action, members)?, LimitCommand::Delete).into()
        }
        A::PauseRate | A::PauseGlobalRate | A::PauseServiceRate => {
            What::Rate(named(action, members)?, LimitCommand::SetEnabled(false)).into()
        }
        A::ShadowRate | A::ShadowGlobalRate | A::ShadowServiceRate => {
            What::Rate(named(action, members)?, LimitCommand::SetShadow(true)).into()
        }
        A::PromoteRate | A::PromoteGlobalRate | A::PromoteServiceRate => {
            What::Rate(named(action, members)?, LimitCommand::SetShadow(false)).into()
        }
        _ => What::Rate(named(action, members)?, LimitCommand::SetEnabled(true)).into(),
    })
}

fn rate(set: Set<RateLimits>) -> Command {
    Command {
        what: What::Rate(set.key, LimitCommand::Set(Box::new(set.policy))),
        warning: set.warning,
    }
}

fn concurrency(set: Set<ConcurrencyLimits>) -> Command {
    Command {
        what: What::Concurrency(set.key, Some(set.policy)),
        warning: set.warning,
    }
}

/// Replaces the route, by which the other actions name it, by the path and the method of the operation.
fn name_by_path(members: &mut Members) -> Result<(), Problem> {
    if members.contains_key("path") || !members.contains_key("route") {
        return Ok(());
    }
    if members.contains_key("method") {
        let text = "method: it is part of `route`; give one of them";
        return Err(Problem::new(ProblemKind::InvalidBody, text));
    }
    let key = route(members)?;
    let path = match key.service() {
        Some(service) => format!("{service}:{}", key.path()),
        None => key.path().to_owned(),
    };
    members.insert("path".to_owned(), path.into());
    if let Some(method) = key.method() {
        members.insert("method".to_owned(), method.as_str().into());
    }
    Ok(())
}

/// The scope of a limit that several routes share.
fn shared(action: ChangeAction, members: &mut Members) -> Result<LimitScope, Problem> {
    match action.as_str().contains("_service_") {
        true => service(members),
        false => Ok(LimitScope::Global),
    }
}

/// The limit that a change names.
fn named(action: ChangeAction, mut members: Members) -> Result<LimitKey, Problem> {
    let word = action.as_str();
    let scope = match word.contains("_service_") || word.contains("_global_") {
        true => shared(action, &mut members)?,
        false => LimitScope::Route(route(&mut members)?),
    };
    let PolicyNameRequest { name } = read_object(members)?;
    Ok(LimitKey::new(scope, or_default(name)?))
}
