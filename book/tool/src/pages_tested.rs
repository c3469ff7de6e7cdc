//! The Rust on the pages, as doc tests. `ignore` marks what is included from files, which are compiled where they are.

macro_rules! pages {
    ($($name:ident: $page:literal;)*) => { $(
        #[cfg(doctest)]
        #[doc = include_str!(concat!("../../src/", $page))]
        mod $name {}
    )* };
}

pages! {
    page_1_single_readme: "1-single/README.md";
    page_1_single_slides: "1-single/slides.md";
    page_2_threads_readme: "2-threads/README.md";
    page_2_threads_lab: "2-threads/lab.md";
    page_3_queue_readme: "3-queue/README.md";
    page_3_queue_slides: "3-queue/slides.md";
    page_4_cache_readme: "4-cache/README.md";
    page_4_cache_lab: "4-cache/lab.md";
    page_4_cache_slides: "4-cache/slides.md";
    page_5_stats_readme: "5-stats/README.md";
    page_5_stats_slides: "5-stats/slides.md";
    page_6_prefork_readme: "6-prefork/README.md";
    page_6_prefork_slides: "6-prefork/slides.md";
    page_foundations_readiness: "foundations/readiness.md";
    page_foundations_memory_order: "foundations/memory-order.md";
    page_foundations_shared_memory: "foundations/shared-memory.md";
    page_loom_by_hand: "loom/by-hand.md";
    page_loom_first_model: "loom/first-model.md";
    page_loom_limits: "loom/limits.md";
    page_loom_slides: "loom/slides.md";
}
