//! `cartctl synth`: the templates as files, without AWS.

use camino::Utf8PathBuf;
use cart_infra::{Stack, cfn::template::Template};
use serde_json::json;

use super::{app_without_code, chosen};
use crate::{
    args::{Synth, TemplateFormat},
    config::{self, Config},
    domain::{command::Command, text},
    error::Error,
    files,
    plan::deploy,
    report::answer::Answer,
};

pub(super) fn run(args: &Synth, config: &Config) -> Result<Answer, Error> {
    config.check_origin()?;
    let app = deploy::checked(app_without_code(config), config)?;
    let stacks: Vec<&Stack> = chosen(&app, &args.stacks).into_iter().filter_map(|id| app.stack(id)).collect();
    if args.out.as_deref().is_some_and(|out| out == "-") {
        let [stack] = stacks[..] else {
            let reason = format!("`-` takes exactly one stack, for example {}", Command::cartctl("synth cart --out -"));
            return Err(config::Error::Value { name: "--out".to_owned(), reason }.into());
        };
        return Ok(Answer::exact(render(stack.template(), args.format), stack.template().as_json()));
    }
    let folder = args.out.clone().unwrap_or_else(|| config.workspace.join("target/synth"));
    let mut written = Vec::<Utf8PathBuf>::new();
    for stack in stacks {
        let path = folder.join(format!("{}.{}", stack.name(), extension(args.format)));
        files::write_whole(&path, render(stack.template(), args.format))?;
        written.push(path);
    }
    let lines = written.iter().flat_map(|path| [path.as_str(), "\n"]).collect();
    Ok(Answer::new(lines, json!({ "templates": written })))
}

const fn extension(format: TemplateFormat) -> &'static str {
    match format {
        TemplateFormat::Json => "json",
        TemplateFormat::Yaml => "yaml",
    }
}

fn render(template: &Template, format: TemplateFormat) -> String {
    match format {
        TemplateFormat::Json => template.to_json_pretty() + "\n",
        TemplateFormat::Yaml => text::yaml(&template.as_json()),
    }
}
