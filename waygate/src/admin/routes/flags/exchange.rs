//! Import and export of all flags and segments as one document.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use waygate_core::{
    Timestamp,
    flag::exchange::{
        FieldChange, FlagDocument, FlagdOptions, Import, ImportNote, Planned, PlannedChange,
        Refusal, from_flagd, from_python, to_flagd,
    },
    model::Revision,
};

use super::schema::FlagDefinitions;
#[cfg(feature = "file-yaml")]
use crate::rest::{accepts_yaml, entity_tag, yaml_response};
use crate::{
    admin::{
        responses::{ReadBounded, Tagged, Write},
        state::AdminState,
    },
    auth::Principal,
    engine::Flags,
    rest::{
        Definition, Flag, Params, Problem, ProblemKind, Reply, invalid_definition, kind_of,
        untranslated, with_warning,
    },
};

pub(super) fn router() -> OpenApiRouter<Arc<AdminState>> {
    OpenApiRouter::new().routes(routes!(export, import))
}

/// The form of a document.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// The form of Waygate: `{"version": 1, "flags": [..], "segments": [..]}`.
    #[default]
    Waygate,
    /// The definitions of flagd.
    Flagd,
    /// The flags and segments of Python Waygate, as its API returns them: `{"flags": [..], "segments": [..]}`.
    Python,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportParams {
    /// `waygate`, which is the default, or `flagd`.
    #[param(nullable = false, value_type = Option<String>, example = "waygate")]
    format: Option<Format>,
}

/// Exports all flags and segments.
///
/// Definitions that flagd cannot express are left out, and named in the header `X-Waygate-Warning`. With
/// `Accept: application/yaml`, the document is YAML, if the server is built with the feature `file-yaml`.
#[utoipa::path(
    get,
    path = "/api/flag-definitions",
    operation_id = "export_flags",
    tag = "flags",
    params(ExportParams),
    responses((status = OK, description = "The document.", body = Tagged<FlagDefinitions>), ReadBounded),
    security(("token" = ["read"]))
)]
async fn export(
    State(state): State<Arc<AdminState>>,
    Params(params): Params<ExportParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let format = params.format.unwrap_or_default();
    let flags = state.waygate.flags();
    state
        .computations
        .run(move |_| exported(&flags, format, &headers))
        .await
}

fn exported(flags: &Flags, format: Format, headers: &HeaderMap) -> Result<Response, Problem> {
    let document = flags.export();
    let shown = |document: Value| shown(document, flags.revision(), headers);
    match format {
        Format::Waygate => Ok(shown(document.to_json())),
        Format::Flagd => {
            let exported = to_flagd(&document);
            let left_out: Vec<&str> = exported.refused.iter().map(|it| it.key.as_str()).collect();
            let warning = (!left_out.is_empty()).then(|| {
                format!(
                    "left out, as flagd has no equivalent: {}",
                    left_out.join(", ")
                )
            });
            Ok(with_warning(shown(exported.document), warning))
        }
        Format::Python => Err(Problem::new(
            ProblemKind::InvalidQuery,
            "format: expected `waygate` or `flagd`",
        )),
    }
}

/// The document as JSON, or as YAML if the client prefers it.
fn shown(document: Value, revision: Revision, headers: &HeaderMap) -> Response {
    #[cfg(feature = "file-yaml")]
    if accepts_yaml(headers) {
        return yaml_response(&document, &entity_tag(revision));
    }
    let _ = headers;
    Reply::ok(document).with_tag(revision).into_response()
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ImportParams {
    /// `waygate`, which is the default, `flagd`, or `python`.
    #[param(nullable = false, value_type = Option<String>, example = "waygate")]
    format: Option<Format>,
    /// `true` returns what would change, and changes nothing.
    #[param(nullable = false, value_type = Option<bool>, default = false)]
    dry_run: Option<Flag>,
    /// `true` imports the rest if some definitions have no equivalent. Otherwise nothing is imported then.
    #[param(nullable = false, value_type = Option<bool>, default = false)]
    partial: Option<Flag>,
    /// `true` rounds weights of flagd to buckets of 100,000. Otherwise flags with other weights, such as thirds, have no
    /// equivalent.
    #[param(nullable = false, value_type = Option<bool>, default = false)]
    round_weights: Option<Flag>,
}

impl ImportParams {
    /// The choices of an import from flagd.
    fn flagd(&self, now: Timestamp) -> FlagdOptions {
        let mut options = FlagdOptions::new(now);
        options.round_weights = is(self.round_weights);
        options
    }
}

/// Returns whether a flag of the query is set.
fn is(flag: Option<Flag>) -> bool {
    flag.is_some_and(|flag| flag.0)
}

/// The changes of an import.
#[derive(Debug, Serialize, ToSchema)]
struct Imported {
    /// `true` if nothing was changed.
    dry_run: bool,
    /// The segments, in the order of their changes.
    segments: Vec<ImportedDefinition>,
    /// The flags, in the order of their changes.
    flags: Vec<ImportedDefinition>,
    /// Definitions without an equivalent, which are left out.
    refused: Vec<Refusal>,
    /// Details of definitions that are lost, or differ.
    notes: Vec<ImportNote>,
}

/// A definition of an import.
#[derive(Debug, Serialize, ToSchema)]
struct ImportedDefinition {
    /// The key.
    #[schema(example = "new-checkout")]
    key: String,
    /// `create`, `replace` or `unchanged`.
    change: &'static str,
    /// The values that differ from the stored definition, if it is replaced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<FieldChange>,
}

impl ImportedDefinition {
    fn new<T>(planned: Planned<T>, key: impl FnOnce(&T) -> String) -> Self {
        let (change, fields) = match planned.change {
            PlannedChange::Create => ("create", Vec::new()),
            PlannedChange::Replace { fields } => ("replace", fields),
            _ => ("unchanged", Vec::new()),
        };
        Self {
            key: key(&planned.definition),
            change,
            fields,
        }
    }
}

/// Adds and replaces flags and segments: all of the document in one commit, or none. Others stay.
///
/// With `Content-Type: application/yaml`, the document is read as YAML (415 without the feature `file-yaml`).
#[utoipa::path(
    post,
    path = "/api/flag-definitions",
    operation_id = "import_flags",
    tag = "flags",
    params(ImportParams),
    request_body = FlagDefinitions,
    responses((status = OK, description = "The changes.", body = Imported), Write),
    security(("token" = ["write:global"]))
)]
async fn import(
    State(state): State<Arc<AdminState>>,
    principal: Principal,
    Params(params): Params<ImportParams>,
    Definition(body): Definition,
) -> Result<Response, Problem> {
    let (dry_run, partial) = (is(params.dry_run), is(params.partial));
    let Import {
        document,
        refused,
        mut notes,
        ..
    } = {
        let now = state.waygate.inner.clock.now();
        state
            .imports
            .run(move |_| read(&body, &params, now))
            .await?
    };
    if !refused.is_empty() && !dry_run && !partial {
        return Err(untranslated(&refused));
    }
    let plan = match dry_run {
        true => {
            let flags = state.waygate.flags();
            let plan = move |_| flags.plan(document).map_err(Problem::from);
            state.imports.run(plan).await?
        }
        // A document is no resource, so it has no version to expect.
        false => {
            let operator = state.waygate.operator(principal.origin);
            operator.import_flags(document).await?
        }
    };
    notes.extend(plan.notes);
    let segments = plan.segments.into_iter();
    let flags = plan.flags.into_iter();
    Ok(Reply::ok(Imported {
        dry_run,
        segments: segments
            .map(|planned| ImportedDefinition::new(planned, |it| it.key.to_string()))
            .collect(),
        flags: flags
            .map(|planned| ImportedDefinition::new(planned, |it| it.key.to_string()))
            .collect(),
        refused,
        notes,
    })
    .into_response())
}

fn read(body: &Value, params: &ImportParams, now: Timestamp) -> Result<Import, Problem> {
    Ok(match params.format.unwrap_or_default() {
        Format::Waygate => {
            let document = FlagDocument::parse(body)
                .map_err(|problems| invalid_definition("document", problems))?;
            let mut import = Import::default();
            import.document = document;
            import
        }
        Format::Flagd => from_flagd(body, params.flagd(now)),
        Format::Python => {
            is_python(body)?;
            from_python(&body["flags"], &body["segments"])
        }
    })
}

/// Refuses a document without anything to import.
fn is_python(body: &Value) -> Result<(), Problem> {
    let found = match body {
        Value::Object(_) if !body["flags"].is_null() || !body["segments"].is_null() => {
            return Ok(());
        }
        Value::Object(_) => "this one has neither".to_owned(),
        other => format!("this is {}", kind_of(other)),
    };
    let error = format!(
        "a document of Python Waygate is an object with the lists `flags` and `segments`; {found}"
    );
    Err(Problem::new(ProblemKind::InvalidValue, error))
}
