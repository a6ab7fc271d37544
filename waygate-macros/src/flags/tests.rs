use insta::assert_snapshot;

/// Compares with `tests/expand/<name>.snap`.
fn check(name: &str, flags: &str) {
    let expanded = super::expand(flags.parse().expect("tokens"));
    let file = syn::parse2(expanded).expect("the expansion should be items");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../tests/expand");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| assert_snapshot!(name, prettyplease::unparse(&file)));
}

#[test]
fn flags() {
    check(
        "flags",
        r#"
        /// New checkout
        pub NEW_CHECKOUT: bool = false { key = "checkout.new", owner = "payments", expires = "2027-03-01" }
        SEARCH_RANKING: String = "classic" { variations = { classic = "classic", "neural net" = "neural" } }
        pub(crate) RETRIES: Retries = Retries { attempts: 3 };
        "#,
    );
}

#[test]
fn flags_of_a_facade() {
    check(
        "flags_of_a_facade",
        "crate = my_facade::waygate; pub PAGE_SIZE: u32 = 20;",
    );
}
