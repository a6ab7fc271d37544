//! One compile error for each mistake, with the text that users read. `accepted` has the accepted forms.
//!
//! The wording of rustc is that of the toolchain in `rust-toolchain.toml`. Rewrite the expectations with
//! `TRYBUILD=overwrite`.

#[test]
fn mistakes() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
