# The spec of the workflows in examples/github-actions and examples/gitlab-ci.
#
# A job starts with a fresh checkout. What has to stay from job to job is outside of it: the state, and the dump files of a
# run that was interrupted.

mig {
  required_version = ">= 0.1"
  backend "local" {
    path = "/var/lib/mig/shop.migstate"
  }
}

variable "source_password" {
  type      = string
  sensitive = true
  env       = "SHOP_SOURCE_PASSWORD"
}

variable "target_password" {
  type      = string
  sensitive = true
  env       = "SHOP_TARGET_PASSWORD"
}

source "mysql" "shop" {
  host     = "mysql.internal"
  username = "mig_reader"
  password = var.source_password
}

target "tidb" "cloud" {
  host     = "tidb.example.com"
  username = "mig_writer"
  password = var.target_password
}

runner "local" "ci" {
  workdir = "/var/lib/mig/work"
}

migration "shop" {
  source = source.mysql.shop
  target = target.tidb.cloud
  runner = runner.local.ci
  tables = ["shop.*"]
}
