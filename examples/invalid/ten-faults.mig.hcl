# Ten faults: for the tests, and to see how mig reports faults. mig does not connect to any server.
mig {
  plan_lifetime = "3 days"
}
locals {
  a = local.b
  b = local.a
  c = var.regoin
}
variable "region" {
  default = "x"
}
sorce "mysql" "y" {
}
source "mysql" "z" {
  hots     = "db"
  port     = "3306"
  username = "u"
}
migration "m" {
  source = source.mysql.shop
  target = target.tidb.clod
  dump {
    threads = 0
  }
  verify {
    mode = "fulll"
  }
}
