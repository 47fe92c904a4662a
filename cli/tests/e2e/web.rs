//! The shop's page online: one address for it and the APIs. The local cloud serves what is behind a distribution's host name, functions at
//! the edge included, as far as there is a Node to run them.

use std::{collections::BTreeMap, fs, process::Command};

use camino::Utf8PathBuf;
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::{
    cloud::{Answer, Cloud, Request},
    program::{Run, finish},
};

const WEB: &str = "aws-serverless-shopping-cart-web";

/// Stands in for npm: whatever is in `page` is the build, and says what it was built for.
const NPM: &str = r#"#!/bin/sh
[ "$1" = --version ] && exit 0
for out; do :; done
[ -e broken ] && { echo "a part of the page is missing" >&2; exit 1; }
rm -rf "$out" && mkdir -p "$out/.vite" && cp -R page/. "$out" && echo '{}' >"$out/.vite/manifest.json"
env | grep '^VUE_APP_' | sort >"$out/built-for.txt"
"#;

/// Says that it can build, and is the next Node on the path otherwise: the local cloud runs the edge function with it.
const NODE: &str = "#!/bin/sh\n[ \"$1\" = --version ] && exec echo v22.12.0\nPATH=${PATH#*:} exec node \"$@\"\n";

/// A local cloud, and a shop whose page can be changed.
struct Hosting {
    cloud: Cloud,
    shop: Utf8PathBuf,
}

impl Hosting {
    fn new() -> Self {
        let cloud = Cloud::new();
        let shop = cloud.project.path("shop");
        cloud.configure(&format!("frontend.directory = '{shop}'"));
        let hosting = Self { cloud, shop };
        hosting.write("index.html", "the page with /assets/index-aaaaaaaa.js");
        hosting.write("assets/index-aaaaaaaa.js", "first()");
        hosting.write("favicon.svg", "<svg/>");
        fs::create_dir_all(hosting.cloud.project.path("bin")).unwrap();
        for (name, script) in [("bin/npm", NPM), ("bin/node", NODE)] {
            let program = hosting.cloud.project.path(name);
            // A shell writes it: a process that is started while it is open for writing could not run it.
            let write = ["-c", r#"printf %s "$2" >"$1" && chmod +x "$1""#, "sh", program.as_str(), script];
            assert!(Command::new("sh").args(write).status().unwrap().success());
        }
        hosting
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.shop.join("page").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Runs the program where this npm and this Node are found first.
    #[expect(clippy::disallowed_methods, reason = "this is not part of any configuration")]
    fn run(&self, arguments: &[&str]) -> Run {
        let path = format!("{}:{}", self.cloud.project.path("bin"), std::env::var("PATH").unwrap());
        finish(self.cloud.project.command(arguments).env("PATH", path))
    }

    #[track_caller]
    fn answer(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[arguments, &["--output", "json"]].concat()).succeeded().0).unwrap()
    }

    /// The values the web stack tells of.
    fn web(&self) -> BTreeMap<String, String> {
        serde_json::from_value(self.answer(&["outputs", "--local"])["outputs"]["web"].take()).unwrap()
    }

    /// What is in the page's bucket, with what is told of it: content type, caching, content.
    async fn bucket(&self) -> BTreeMap<String, [String; 3]> {
        let bucket = &self.web()["WebBucketName"];
        let listed = self.cloud.read("s3", &format!("/{bucket}?list-type=2")).await;
        let keys = listed.as_str().unwrap().split("<Key>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned());
        let mut found = BTreeMap::new();
        for key in keys {
            let url = format!("{}/{bucket}/{key}", self.cloud.url());
            let answer = self.cloud.signed("s3", Request { method: "GET", url: &url, headers: &[], body: "" }).await;
            let header = |name| answer.header(name).unwrap_or_default().to_owned();
            let content = answer.body.as_str().map_or_else(|| answer.body.to_string(), str::to_owned);
            found.insert(key, [header("content-type"), header("cache-control"), content]);
        }
        found
    }

    /// Asks the shop's address.
    async fn visit(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let address = self.web()["WebUrl"].clone();
        let host = address.trim_start_matches("https://");
        let headers = [&[("host", host), ("x-forwarded-proto", "https")], headers].concat();
        let url = format!("{}{path}", self.cloud.url());
        self.cloud.signed("cloudfront", Request { method, url: &url, headers: &headers, body }).await
    }

    /// The paths that CloudFront was told to forget, each time.
    async fn forgotten(&self) -> Vec<Vec<String>> {
        let distribution = format!("/2020-05-31/distribution/{}/invalidation", self.web()["DistributionId"]);
        let between = |text: &str, tag: &str| -> Vec<String> {
            let tag = format!("<{tag}>");
            text.split(&tag).skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
        };
        let mut told = Vec::new();
        for id in between(self.cloud.read("cloudfront", &distribution).await.as_str().unwrap(), "Id") {
            let one = self.cloud.read("cloudfront", &format!("{distribution}/{id}")).await;
            told.push(between(one.as_str().unwrap(), "Path"));
        }
        told
    }
}

#[tokio::test]
async fn the_shop_is_online_at_one_address() {
    let hosting = Hosting::new();
    hosting.run(&["local", "--detach"]).succeeded();
    let (products, _) = apis(&hosting);
    let without = hosting.cloud.inventory().await;

    what_is_missing_is_said_before_anything_is_made(&hosting).await;
    let url = it_is_made_and_the_apis_are_told(&hosting).await;
    the_page_is_online(&hosting, &url).await;
    the_apis_answer_at_the_same_address(&hosting, &url).await;
    edge_functions_give_the_page(&hosting).await;
    nothing_is_done_twice(&hosting, &url).await;
    a_new_page_takes_the_place_of_the_old_one(&hosting).await;
    what_does_not_build_is_not_uploaded(&hosting).await;
    a_site_that_was_packaged_elsewhere_needs_no_tools(&hosting).await;

    let refused = hosting.run(&["delete", "cart", "--local"]).failed(5);
    assert!(refused.contains("cannot be deleted while the web stack uses it"), "{refused}");
    let told = hosting.run(&["delete", "web", "--local"]).succeeded();
    assert!(told.1.contains("are deleted first"), "{}", told.1);
    assert_eq!(hosting.cloud.inventory().await, without);
    let allowed = |answer: Answer| answer.header("access-control-allow-origin").map(str::to_owned);
    assert_eq!(allowed(ask(&hosting, &products, "/product").await), Some(url), "until it is deployed again");
    hosting.run(&["deploy", "--local"]).succeeded();
    assert_eq!(allowed(ask(&hosting, &products, "/product").await).as_deref(), Some("http://localhost:8080"));

    // Where a deployment was killed before the APIs were told, or nobody asked for that, the next one finds the page.
    let (_, story) = hosting.run(&["deploy", "web", "--local"]).succeeded();
    assert!(story.contains(" cannot change a cart yet: the APIs do not allow its origin"), "{story}");
    assert_eq!(allowed(ask(&hosting, &products, "/product").await).as_deref(), Some("http://localhost:8080"));
    let (_, story) = hosting.run(&["deploy", "--local"]).succeeded();
    assert!(!story.contains("update again"), "{story}");
    let url = hosting.web()["WebUrl"].clone();
    assert_eq!(allowed(ask(&hosting, &products, "/product").await), Some(url));
    hosting.run(&["delete", "--local"]).succeeded();
    let left = hosting.cloud.inventory().await;
    assert!(left.iter().all(|entry| entry.contains("-bootstrap")), "{left:?}");
    hosting.cloud.stop();
}

async fn ask(hosting: &Hosting, api: &str, path: &str) -> Answer {
    let url = format!("{api}{path}");
    hosting.cloud.request(Request { method: "GET", url: &url, headers: &[], body: "" }).await
}

fn apis(hosting: &Hosting) -> (String, String) {
    let outputs = hosting.answer(&["outputs", "--local"])["outputs"].take();
    let output = |stack: &str, key: &str| outputs[stack][key].as_str().unwrap().to_owned();
    (output("products", "ProductApi"), output("cart", "CartApi"))
}

async fn what_is_missing_is_said_before_anything_is_made(hosting: &Hosting) {
    let before = hosting.cloud.inventory().await;
    let error = hosting.run(&["frontend", "deploy", "--local"]).failed(1);
    assert!(error.contains("the web stack of the stage `default` is not deployed"), "{error}");
    assert!(error.contains("`cartctl deploy --with-web --local --config "), "{error}");

    let error = hosting.run(&["deploy", "--local", "--with-web"]).failed(1);
    assert!(error.contains("shop/node_modules"), "{error}");
    assert!(error.contains(&format!("`npm --prefix '{}' ci`", hosting.shop)), "{error}");
    fs::create_dir(hosting.shop.join("node_modules")).unwrap();
    assert_eq!(hosting.cloud.inventory().await, before, "nothing was made");
}

async fn it_is_made_and_the_apis_are_told(hosting: &Hosting) -> String {
    let (answer, story) = hosting.run(&["deploy", "--local", "--with-web"]).succeeded();
    assert!(story.contains("products  update again, to allow requests from the site"), "{story}");
    let url = hosting.web()["WebUrl"].clone();
    assert!(story.contains(&format!("updating products and cart again to allow requests from {url}")), "{story}");
    assert!(answer.trim_end().ends_with(&url), "{answer}");
    assert!(url.starts_with("https://"), "{url}");

    let (products, carts) = apis(hosting);
    for (api, path) in [(&products, "/product"), (&carts, "/cart"), (&carts, "/elsewhere")] {
        let answer = ask(hosting, api, path).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(&*url), "{path}");
    }
    let parameter = json!({ "Name": "/serverless-shopping-cart-demo/web/url" });
    assert_eq!(hosting.cloud.call("ssm", "AmazonSSM.GetParameter", &parameter).await["Parameter"]["Value"], url);
    url
}

async fn the_page_is_online(hosting: &Hosting, url: &str) {
    let there = hosting.bucket().await;
    let told: Vec<_> = there.iter().map(|(key, [kind, caching, _])| (&**key, &**kind, &**caching)).collect();
    assert_eq!(
        told,
        [
            ("site/assets/index-aaaaaaaa.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
            ("site/built-for.txt", "text/plain; charset=utf-8", "public, max-age=300"),
            ("site/favicon.svg", "image/svg+xml", "public, max-age=300"),
            ("site/index.html", "text/html; charset=utf-8", "no-cache"),
        ]
    );
    let built_for = &there["site/built-for.txt"][2];
    for api in ["CART", "PRODUCTS"] {
        assert!(built_for.contains(&format!("VUE_APP_{api}_API_URL={url}/Prod\n")), "{built_for}");
    }
    assert!(built_for.contains("VUE_APP_USER_POOL_ID="), "{built_for}");
    let env_file = fs::read_to_string(hosting.cloud.env_file()).unwrap();
    assert!(!env_file.contains(url), "who develops talks to the APIs themselves: {env_file}");
}

async fn the_apis_answer_at_the_same_address(hosting: &Hosting, url: &str) {
    let all = hosting.visit("GET", "/Prod/product", &[], "").await;
    assert_eq!(all.status, 200, "{all:?}");
    let product = all.body["products"][0]["productId"].as_str().unwrap();
    assert_eq!(hosting.visit("GET", &format!("/Prod/product/{product}"), &[], "").await.status, 200);
    for (header, value) in [
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("content-security-policy", "frame-ancestors 'none'"),
    ] {
        assert_eq!(all.header(header), Some(value), "{all:?}");
    }

    let body = json!({ "productId": product, "quantity": 2 }).to_string();
    let added = hosting.visit("POST", "/Prod/cart", &[("origin", url)], &body).await;
    assert_eq!(added.status, 200, "{added:?}");
    let (cookie, attributes) = added.header("set-cookie").unwrap().split_once("; ").unwrap();
    assert_eq!(attributes, "Max-Age=86400; Secure; HttpOnly; SameSite=Lax; Path=/");
    let cart = hosting.visit("GET", "/Prod/cart", &[("cookie", cookie)], "").await;
    assert_eq!(cart.body["products"][0]["quantity"], 2, "{cart:?}");
    assert_eq!(cookies(&cart), [""; 0], "{cart:?}");

    // As before page and APIs had one address.
    let former = cookie.strip_prefix("__Host-").unwrap();
    let cart = hosting.visit("GET", "/Prod/cart", &[("cookie", former)], "").await;
    assert_eq!(cart.body["products"][0]["quantity"], 2, "{cart:?}");
    let forget = "cartId=; Max-Age=0; Secure; HttpOnly; SameSite=None; Path=/";
    assert_eq!(cookies(&cart), [&format!("{cookie}; {attributes}"), forget], "{cart:?}");
    let both = format!("cartId=00000000-0000-4000-8000-000000000000; {cookie}");
    let cart = hosting.visit("GET", "/Prod/cart", &[("cookie", &both)], "").await;
    assert_eq!((&cart.body["products"][0]["quantity"], cookies(&cart)), (&json!(2), vec![forget]), "{cart:?}");

    let foreign = hosting.visit("POST", "/Prod/cart", &[("origin", "http://localhost:8080")], &body).await;
    assert_eq!(foreign.status, 403, "{foreign:?}");
    assert_eq!(hosting.visit("POST", "/Prod/cart/checkout", &[("origin", url)], "").await.status, 401, "not the page");
    assert_eq!(hosting.visit("GET", "/Prod/product/nothing", &[], "").await.status, 404, "not the page");
}

/// The cookies that an answer sets.
fn cookies(answer: &Answer) -> Vec<&str> {
    answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str()).collect()
}

/// Whether there is a Node, on which the local cloud runs what CloudFront runs itself.
fn has_node() -> bool {
    Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success())
}

async fn edge_functions_give_the_page(hosting: &Hosting) {
    if !has_node() {
        let answer = hosting.visit("GET", "/", &[], "").await;
        assert_eq!(answer.status, 503, "the local cloud says that the function did not run: {answer:?}");
        return;
    }
    for path in ["/", "/payment", "/product/kite", "/index.html"] {
        let page = hosting.visit("GET", path, &[], "").await;
        assert_eq!((page.status, page.body.as_str()), (200, Some("the page with /assets/index-aaaaaaaa.js")), "{path}: {page:?}");
        assert_eq!(page.header("cache-control"), Some("no-cache"), "{path}");
        assert_eq!(page.header("x-frame-options"), Some("DENY"), "{path}");
    }
    let part = hosting.visit("GET", "/assets/index-aaaaaaaa.js", &[], "").await;
    assert_eq!((part.status, part.body.as_str()), (200, Some("first()")), "{part:?}");
    assert_eq!(hosting.visit("GET", "/assets/index-00000000.js", &[], "").await.status, 403, "a missing part is not the page");
    assert_eq!(hosting.visit("POST", "/payment", &[], "").await.status, 403);
}

async fn nothing_is_done_twice(hosting: &Hosting, url: &str) {
    let before = hosting.bucket().await;
    let (answer, story) = hosting.run(&["deploy", "--local"]).succeeded();
    assert_eq!(story.matches("no changes").count(), 4, "{story}");
    assert!(!story.contains("updating"), "{story}");
    assert!(story.contains("the site is up to date: 4 files unchanged"), "{story}");
    assert!(answer.trim_end().ends_with(url), "{answer}");
    assert_eq!(hosting.bucket().await, before);
    let diff = hosting.answer(&["diff", "--local", "--fail-on", "any"]);
    assert_eq!((&diff["reach"], &diff["again"]), (&json!("none"), &json!([])), "{diff}");
    let status = hosting.answer(&["status", "--local"]);
    assert_eq!((&status["stacks"][3]["stack"], &status["stacks"][3]["name"]), (&json!("web"), &json!(WEB)));
}

async fn a_new_page_takes_the_place_of_the_old_one(hosting: &Hosting) {
    assert_eq!(hosting.forgotten().await, [[""; 0]; 0], "there was nothing to forget");
    hosting.write("index.html", "the page with /assets/index-bbbbbbbb.js");
    hosting.write("assets/index-bbbbbbbb.js", "second()");
    fs::remove_file(hosting.shop.join("page/assets/index-aaaaaaaa.js")).unwrap();
    let (answer, story) = hosting.run(&["frontend", "deploy", "--local"]).succeeded();
    assert_eq!(answer.trim_end(), hosting.web()["WebUrl"]);
    assert!(story.contains("the site is published: 2 files uploaded, 2 unchanged, 0 deleted"), "{story}");

    let there = hosting.bucket().await;
    assert_eq!(there["site/index.html"][2], "the page with /assets/index-bbbbbbbb.js");
    assert_eq!(there["site/assets/index-aaaaaaaa.js"][2], "first()", "pages that are open may ask for it");
    assert!(there["superseded.json"][2].contains("assets/index-aaaaaaaa.js"), "{there:?}");
    assert_eq!(hosting.forgotten().await, [["/index.html"]]);
    if has_node() {
        assert_eq!(hosting.visit("GET", "/superseded.json", &[], "").await.status, 403, "that is nobody's business");
    }
}

/// What `cartctl package --site` made in a job that knew no stage.
async fn a_site_that_was_packaged_elsewhere_needs_no_tools(hosting: &Hosting) {
    let packages = hosting.cloud.project.path("packages");
    let files = [
        ("index.html", "<script src=/assets/index-cccccccc.js></script>"),
        (
            "assets/index-cccccccc.js",
            "api('https://site.stand-in.invalid/Prod'); accounts('stand-in-for_thePool', 'stand-in-for-the-client', 'stand-in-for-the-region')",
        ),
    ];
    let list = |files: &[(&str, &str)]| {
        let digest = |content: &str| hex::encode(sha2::Sha256::digest(content));
        let entry = |(path, content): &(&str, &str)| json!({ "path": path, "bytes": content.len(), "sha256": digest(content) });
        let site: Vec<_> = files.iter().map(entry).collect();
        json!({ "version": 1, "architecture": "arm64", "packages": [], "site": site }).to_string()
    };
    for (path, content) in files {
        let path = packages.join("site").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let deploy = || {
        let mut command = hosting.cloud.project.command(&["frontend", "deploy", "--local", "--packages", packages.as_str()]);
        finish(command.env("PATH", "/nowhere"))
    };
    let before = hosting.bucket().await;
    fs::write(packages.join("packages.json"), json!({ "version": 1, "architecture": "arm64", "packages": [] }).to_string())
        .unwrap();
    let refused = deploy().failed(1);
    assert!(
        refused.contains(
            "packages has no site, and this deployment publishes one\nhint: package it as well with `cartctl package --site"
        ),
        "{refused}"
    );
    fs::write(packages.join("packages.json"), list(&[files[0], (files[1].0, "other")])).unwrap();
    assert!(deploy().failed(1).contains("index-cccccccc.js is not the file that was listed"));
    fs::write(packages.join("packages.json"), list(&files[..1])).unwrap();
    assert!(deploy().failed(1).contains("the packaged site has no place for https://"));
    assert_eq!(hosting.bucket().await, before, "nothing was uploaded");

    fs::write(packages.join("packages.json"), list(&files)).unwrap();
    let (answer, story) = deploy().succeeded();
    let web = hosting.web();
    assert_eq!(answer.trim_end(), web["WebUrl"]);
    assert!(story.contains("the site is published: 2 files uploaded"), "{story}");
    let there = hosting.bucket().await;
    let page = &there["site/index.html"][2];
    let script = page.split("/assets/").nth(1).unwrap().split("></script>").next().unwrap();
    assert_ne!(script, "index-cccccccc.js", "browsers would keep another stage's");
    let [kind, caching, content] = &there[&format!("site/assets/{script}")];
    assert_eq!((&**kind, &**caching), ("text/javascript; charset=utf-8", "public, max-age=31536000, immutable"));
    let pool = hosting.answer(&["outputs", "--local"])["outputs"]["auth"]["CognitoUserPoolId"].take();
    assert!(content.starts_with(&format!("api('{}/Prod'); accounts('{}', '", web["WebUrl"], pool.as_str().unwrap())), "{content}");
    assert!(content.ends_with(", 'us-east-1')") && !content.contains("stand-in"), "{content}");
    let (_, story) = deploy().succeeded();
    assert!(story.contains("the site is up to date: 2 files unchanged"), "{story}");
}

async fn what_does_not_build_is_not_uploaded(hosting: &Hosting) {
    let before = hosting.bucket().await;
    hosting.write("index.html", "another page");
    fs::write(hosting.shop.join("broken"), "").unwrap();
    let error = hosting.run(&["frontend", "deploy", "--local"]).failed(1);
    assert!(error.contains("building the shop's site failed:\na part of the page is missing"), "{error}");
    assert_eq!(hosting.bucket().await, before);
    fs::remove_file(hosting.shop.join("broken")).unwrap();

    let nowhere = hosting.cloud.project.path("nowhere");
    let error = finish(hosting.cloud.project.command(&["frontend", "deploy", "--local"]).env("PATH", nowhere)).failed(1);
    assert!(error.contains("the shop's site takes Node 20.19, 22.12 or newer, and `node` does not run"), "{error}");
    assert!(error.contains("install Node"), "{error}");
    assert_eq!(hosting.bucket().await, before);
}
