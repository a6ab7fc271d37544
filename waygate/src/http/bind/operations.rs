//! The operations of the routers' OpenAPI documents.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use waygate_core::grammar::{Method, RouteSpec};

use super::BindError;
use crate::registry::HandlerDeclaration;

/// An operation of the OpenAPI document.
#[derive(Debug)]
pub(super) struct Operation {
    /// The index of the router with this document.
    pub(super) part: usize,
    pub(super) route: RouteSpec,
    pub(super) id: Option<String>,
    /// The handler's stamp.
    handler: Option<String>,
    tags: Vec<String>,
}

impl Operation {
    pub(super) fn is_of(&self, declaration: &HandlerDeclaration) -> bool {
        self.handler.as_deref() == Some(*declaration.stamp)
    }
}

/// The tags of each operation, and of all operations of each path together.
pub(super) fn tags(operations: &[Operation]) -> BTreeMap<RouteSpec, BTreeSet<String>> {
    let mut all: BTreeMap<RouteSpec, BTreeSet<String>> = BTreeMap::new();
    for operation in operations.iter().filter(|known| !known.tags.is_empty()) {
        let whole = RouteSpec::new(None, operation.route.path().clone());
        for route in [operation.route.clone(), whole] {
            all.entry(route)
                .or_default()
                .extend(operation.tags.iter().cloned());
        }
    }
    all
}

const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Reads the operations, and removes the stamps, so that clients never see them.
pub(super) fn take_operations(
    part: usize,
    document: &mut Value,
    errors: &mut Vec<BindError>,
) -> Vec<Operation> {
    let mut operations = Vec::new();
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else {
        return operations;
    };
    for (path, item) in paths {
        for verb in METHODS {
            let Some(Value::Object(operation)) = item.get_mut(verb) else {
                continue;
            };
            let text = |value: Value| value.as_str().map(str::to_owned);
            #[cfg(feature = "openapi")]
            let handler = operation.remove(crate::__private::STAMP).and_then(text);
            #[cfg(not(feature = "openapi"))]
            let handler = None;
            let id = operation.get("operationId").cloned().and_then(text);
            let tags = operation.get("tags").and_then(Value::as_array);
            let tags = tags.into_iter().flatten().filter_map(Value::as_str);
            let tags = tags.map(str::to_owned).collect();
            match (path.parse(), Method::from_name(&verb.to_ascii_uppercase())) {
                (Ok(path), Some(method)) => {
                    operations.push(Operation {
                        part,
                        route: RouteSpec::new(method, path),
                        id,
                        handler,
                        tags,
                    });
                }
                (Err(invalid), _) => errors.push(invalid.into()),
                (Ok(_), None) => {}
            }
        }
    }
    operations
}
