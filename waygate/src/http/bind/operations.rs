//! The operations of the routers' OpenAPI documents.

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
}

impl Operation {
    pub(super) fn is_of(&self, declaration: &HandlerDeclaration) -> bool {
        self.handler.as_deref() == Some(*declaration.stamp)
    }
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
            match (path.parse(), Method::from_name(&verb.to_ascii_uppercase())) {
                (Ok(path), Some(method)) => {
                    operations.push(Operation {
                        part,
                        route: RouteSpec::new(method, path),
                        id,
                        handler,
                    });
                }
                (Err(invalid), _) => errors.push(invalid.into()),
                (Ok(_), None) => {}
            }
        }
    }
    operations
}
