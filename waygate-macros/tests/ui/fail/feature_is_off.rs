use waygate::{Guarded, WaygateBuilder};

fn page(guarded: Guarded) -> Guarded {
    guarded.docs("/docs")
}

fn administration(guarded: Guarded) -> Guarded {
    guarded.admin("/waygate", ())
}

fn cache(builder: WaygateBuilder) -> WaygateBuilder {
    builder.boot_cache("/var/lib/shop/waygate.json")
}

fn main() {}
