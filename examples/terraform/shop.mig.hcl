# Terraform builds the machine and knows the addresses. This spec takes them from its outputs:
#
#   mig plan -var-from-terraform=.

variable "source_host" {
  type = string
}

variable "source_port" {
  type    = number
  default = 3306
}

# Terraform marks the output as sensitive. It would be so here without this line, too.
variable "source_password" {
  type      = string
  sensitive = true
}

variable "target_host" {
  type = string
}

variable "target_port" {
  type    = number
  default = 4000
}

# This one is not Terraform's business: it comes from the environment.
variable "target_password" {
  type      = string
  sensitive = true
  env       = "SHOP_TARGET_PASSWORD"
}

variable "runner_host" {
  type = string
}

source "mysql" "shop" {
  host     = var.source_host
  port     = var.source_port
  username = "mig_reader"
  password = var.source_password
}

target "tidb" "cloud" {
  host     = var.target_host
  port     = var.target_port
  username = "mig_writer"
  password = var.target_password
}

runner "ssh" "mover" {
  host          = var.runner_host
  user          = "ec2-user"
  identity_file = "~/.ssh/mover"
  workdir       = "/home/ec2-user/mig"
}

migration "shop" {
  source = source.mysql.shop
  target = target.tidb.cloud
  runner = runner.ssh.mover
  tables = ["shop.*"]
}
