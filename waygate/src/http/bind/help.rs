//! Remedies for handlers without a route. They are shared, and printed once for many handlers.

/// The remedy for a handler without a route, or for several handlers (`None`).
pub(super) fn unbound(handler: Option<&str>) -> String {
    let name = handler.map_or("..", name);
    let each = match handler {
        Some(_) => "it",
        None => "each",
    };
    format!(
        "mount {each} with `routes!({name})` in the router that you pass to `guard` (it needs `#[utoipa::path]`); \
         or, if it is mounted with `.route(..)`, name its route with `route = \"GET /full/path\"`; {}",
        other_router(handler)
    )
}

/// The remedy if the declared route does not exist.
pub(super) fn no_such_path(handler: Option<&str>) -> String {
    format!(
        "give the full path, with the prefix of every `nest`, {}",
        other_router(handler)
    )
}

fn other_router(handler: Option<&str>) -> String {
    let part = match cfg!(feature = "testing") {
        true => {
            // For a handler in the crate root, the module is the whole crate.
            let module = handler.map(module).filter(|module| module.contains("::"));
            let own = module.map(|module| format!(" (this one's is `{module}`)"));
            format!(
                "in a test of another part of the program, call `.only_handlers_under(..)` on the builder with that \
                 part's module{}; ",
                own.unwrap_or_default()
            )
        }
        false => String::new(),
    };
    let left_out = match handler {
        Some(handler) => format!(
            "if it is left out on purpose, call `.allow_unmounted(\"{handler}\")` on the builder"
        ),
        None => "for handlers left out on purpose, call `.allow_unmounted(..)` on the builder with the path of the \
                 handler or its module"
            .to_owned(),
    };
    format!(
        "or guard the router that serves it together with this one: `guard_all([one, other])`; {part}{left_out}"
    )
}

/// The function's name.
pub(super) fn name(handler: &str) -> &str {
    handler.rsplit("::").next().unwrap_or(handler)
}

/// The module of the function.
pub(super) fn module(handler: &str) -> &str {
    handler.rsplit_once("::").map_or(handler, |(path, _)| path)
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_no_part_of_the_program() {
        let in_module = unbound(Some("shop::orders::list"));
        assert!(
            in_module.contains("(this one's is `shop::orders`)"),
            "{in_module}"
        );
        for general in [unbound(Some("shop::list")), unbound(None)] {
            assert!(!general.contains("this one's"), "{general}");
        }
    }
}
