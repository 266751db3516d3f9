# %% [markdown]
# # The harness in a notebook
# Runs as it is, cell by cell or as a script, in a clone of the project: rule sets only, so no key and no model.
# Everything here does what the command line does, with the same defaults.

# %%
import harness as mh

run = mh.run("evals/community.yaml", candidates=["rules_v1", "rules_v2"], limit=100, progress=False)
print(run)

# %% [markdown]
# One row per candidate, item and repeat, beside the gold labels: any question that the reports do not answer.

# %%
frame = run.frame()
share_flagged = frame.groupby("candidate", observed=True)["decision.spam"].mean()
print(share_flagged)

# %% [markdown]
# Scores: a table to read, and a frame to work with. A number always comes with its interval and its support.

# %%
score = mh.score(run)
recall = score.to_frame().query("metric == 'recall' and slice.isna()")
print(recall[["candidate", "category", "value", "low", "high", "n"]].to_string(index=False))

# %%
comparison = mh.compare(run, baseline="rules_v1", candidate="rules_v2")
print(comparison)

# %% [markdown]
# A gate in a notebook is a look: with `log=False` it is not counted in the golden set's log. The verdict that decides a
# rollout is the one that is counted.

# %%
gate = mh.gate(run, baseline="rules_v1", candidate="rules_v2", log=False)
print(gate.verdict, gate.exit_code)

# %%
picture = mh.plot(run, "differences", baseline="rules_v1", candidates=["rules_v2"])
picture.save("reports/differences.png")
pages = mh.write_report(run, baseline="rules_v1", candidates=["rules_v2"], formats=["html", "json"])
print(pages)

# %% [markdown]
# Later, or in another notebook: `latest` is the run that `harness score latest` means.

# %%
again = mh.open_run("latest")
assert again.run_id == run.run_id
