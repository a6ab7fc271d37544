use waygate::FlagContext;

#[derive(FlagContext)]
enum Kind {
    User,
}

#[derive(FlagContext)]
struct Tuple(#[flag(key)] String);

#[derive(FlagContext)]
struct Keyless {
    #[flag(attribute)]
    plan: String,
}

#[derive(FlagContext)]
struct TwoKeys {
    #[flag(key)]
    id: String,
    #[flag(key)]
    name: String,
}

#[derive(FlagContext)]
struct TwoPlans {
    #[flag(key)]
    id: String,
    #[flag(attribute)]
    plan: String,
    #[flag(attribute = "plan")]
    tier: String,
    #[flag(attribute = "kind")]
    kind: String,
}

#[derive(FlagContext)]
struct Unknown {
    #[flag(key, atribute)]
    id: String,
    #[flag(kind = "organization", attribute)]
    size: u32,
    #[flag(kind = "organization")]
    nothing: u32,
}

fn main() {}
