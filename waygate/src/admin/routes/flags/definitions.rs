//! List, create, get, set, patch, enable, disable and delete of flags.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::flag::{Flag, FlagKey, FlagStatus, FlagType};

use super::schema::{FlagDefinition, FlagPatch};
use crate::{
    Operator,
    admin::{
        key::DefinitionKey,
        responses::{Change, Conflicts, NotFound, Read, Tagged},
        state::AdminState,
    },
    engine::FlagRecord,
    rest::{
        Definition, Filters, Flag as Enabled, Listing, Parsed, Problem, ProblemKind, Reply, Search,
        invalid_definition, invalid_patch,
    },
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, set, patch, delete))
        .routes(routes!(enable))
        .routes(routes!(disable))
}

pub(super) type FlagReply = Result<Reply<Arc<Flag>>, Problem>;

/// Shows a flag with its tag.
pub(super) fn shown(record: FlagRecord) -> Reply<Arc<Flag>> {
    Reply::ok(record.flag).with_tag(record.revision)
}

/// The response to a deletion.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Deleted {
    /// Always `true`.
    ok: bool,
    /// The key.
    #[schema(example = "new-checkout")]
    deleted: String,
}

impl Deleted {
    pub(super) fn new(key: impl ToString) -> Self {
        Self {
            ok: true,
            deleted: key.to_string(),
        }
    }
}

/// Adds the key in the URL to a definition, which may have it, too.
pub(super) fn with_key(definition: &mut Value, noun: &str, key: &str) -> Result<(), Problem> {
    let Value::Object(members) = definition else {
        return Ok(());
    };
    match members.get("key") {
        None => {
            members.insert("key".to_owned(), key.into());
            Ok(())
        }
        Some(same) if same == key => Ok(()),
        Some(_) => {
            let error = format!("{noun} key in URL and body must match");
            let detail =
                format!("The URL has `{key}`; leave the key out of the body, or repeat it.");
            Err(Problem::new(ProblemKind::InvalidValue, error).detail(detail))
        }
    }
}

/// Checks that a patch has members.
pub(super) fn is_object(patch: &Value) -> Result<(), Problem> {
    match patch.is_object() {
        true => Ok(()),
        false => {
            let error = "Body must be a JSON object";
            Err(Problem::new(ProblemKind::InvalidBody, error))
        }
    }
}

pub(super) fn parse(definition: &Value) -> Result<Flag, Problem> {
    Flag::parse(definition).map_err(|problems| invalid_definition("flag", problems))
}

/// Filters of flags.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FlagParams {
    /// Only flags with this tag.
    #[param(nullable = false)]
    tag: Option<String>,
    /// `true`: only enabled flags. `false`: only disabled ones.
    #[param(nullable = false, value_type = Option<bool>)]
    enabled: Option<Enabled>,
    /// Only flags of this type.
    #[serde(rename = "type")]
    #[param(nullable = false, value_type = Option<String>, example = "boolean")]
    value_type: Option<Parsed<FlagType>>,
    /// Only flags with this status.
    #[param(nullable = false, value_type = Option<String>, example = "active")]
    status: Option<Parsed<FlagStatus>>,
    /// Only flags with this string in their keys, names or descriptions, regardless of case: 1 to 200 characters.
    #[param(nullable = false, value_type = Option<String>)]
    search: Option<Search>,
}

impl Filters for FlagParams {}

impl FlagParams {
    fn selects(&self, flag: &Flag) -> bool {
        let strings = [flag.key.as_str(), &flag.name, &flag.description];
        self.tag.as_ref().is_none_or(|tag| flag.tags.contains(tag))
            && self.enabled.is_none_or(|enabled| enabled.0 == flag.enabled)
            && self.value_type.is_none_or(|kind| kind.0 == flag.value_type)
            && self.status.is_none_or(|status| status.0 == flag.status)
            && self
                .search
                .as_ref()
                .is_none_or(|search| search.finds(strings))
    }
}

/// Lists the flags, by key.
#[utoipa::path(
    get,
    path = "/api/flags",
    operation_id = "list_flags",
    tag = "flags",
    params(FlagParams),
    responses((status = OK, description = "The flags.", body = [Flag]), Read),
    security(("token" = ["read"]))
)]
async fn list(
    State(state): State<Arc<AdminState>>,
    Listing { filters, page }: Listing<FlagParams>,
) -> Response {
    let flags = state.waygate.flags();
    let mut all = flags.all();
    all.retain(|record| filters.selects(&record.flag));
    page.of(&all, flags.revision())
}

/// Creates a flag.
///
/// The server sets `created_at`, `updated_at` and `created_by`, and ignores those of the body.
#[utoipa::path(
    post,
    path = "/api/flags",
    operation_id = "create_flag",
    tag = "flags",
    request_body = FlagDefinition,
    responses((status = CREATED, description = "The new flag.", body = Tagged<Flag>), Change, Conflicts),
    security(("token" = ["write:global"]))
)]
async fn create(operator: Operator, Definition(body): Definition) -> FlagReply {
    let record = operator.create_flag(parse(&body)?).await?;
    Ok(shown(record).created())
}

/// Shows a flag.
#[utoipa::path(
    get,
    path = "/api/flags/{key}",
    operation_id = "get_flag",
    tag = "flags",
    responses((status = OK, description = "The flag.", body = Tagged<Flag>), Read, NotFound),
    security(("token" = ["read"]))
)]
async fn get(
    State(state): State<Arc<AdminState>>,
    DefinitionKey(key): DefinitionKey<FlagKey>,
) -> FlagReply {
    Ok(shown(state.waygate.flags().flag(key.as_str())?))
}

/// Adds or replaces a flag. Members that are missing get their default.
///
/// The key need not be in the body.
#[utoipa::path(
    put,
    path = "/api/flags/{key}",
    operation_id = "set_flag",
    tag = "flags",
    request_body = FlagDefinition,
    responses((status = OK, description = "The stored flag.", body = Tagged<Flag>), Change),
    security(("token" = ["write:global"]))
)]
async fn set(
    operator: Operator,
    DefinitionKey(key): DefinitionKey<FlagKey>,
    Definition(mut body): Definition,
) -> FlagReply {
    with_key(&mut body, "Flag", key.as_str())?;
    let (record, _) = operator.set_flag(parse(&body)?).await?;
    Ok(shown(record))
}

/// Replaces members of a flag, each as a whole. Ignores `key` and `type`.
#[utoipa::path(
    patch,
    path = "/api/flags/{key}",
    operation_id = "patch_flag",
    tag = "flags",
    request_body = FlagPatch,
    responses((status = OK, description = "The updated flag.", body = Tagged<Flag>), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn patch(
    operator: Operator,
    DefinitionKey(key): DefinitionKey<FlagKey>,
    Definition(body): Definition,
) -> FlagReply {
    is_object(&body)?;
    let patched = operator.patch_flag(key.as_str(), body.clone()).await;
    Ok(shown(patched.map_err(|error| invalid_patch(error, &body))?))
}

/// Deletes a flag that no other flag needs.
#[utoipa::path(
    delete,
    path = "/api/flags/{key}",
    operation_id = "delete_flag",
    tag = "flags",
    responses((status = OK, description = "The flag is deleted.", body = Deleted), Change, NotFound, Conflicts),
    security(("token" = ["write:global"]))
)]
async fn delete(
    operator: Operator,
    DefinitionKey(key): DefinitionKey<FlagKey>,
) -> Result<Reply<Deleted>, Problem> {
    operator.delete_flag(key.as_str()).await?;
    Ok(Reply::ok(Deleted::new(key)))
}

/// Enables a flag: its targets, rules and rollouts apply.
#[utoipa::path(
    post,
    path = "/api/flags/{key}/enable",
    operation_id = "enable_flag",
    tag = "flags",
    responses((status = OK, description = "The updated flag.", body = Tagged<Flag>), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn enable(operator: Operator, DefinitionKey(key): DefinitionKey<FlagKey>) -> FlagReply {
    Ok(shown(operator.enable_flag(key.as_str()).await?))
}

/// Disables a flag: all contexts get its off variation.
#[utoipa::path(
    post,
    path = "/api/flags/{key}/disable",
    operation_id = "disable_flag",
    tag = "flags",
    responses((status = OK, description = "The updated flag.", body = Tagged<Flag>), Change, NotFound),
    security(("token" = ["write:global"]))
)]
async fn disable(operator: Operator, DefinitionKey(key): DefinitionKey<FlagKey>) -> FlagReply {
    Ok(shown(operator.disable_flag(key.as_str()).await?))
}
